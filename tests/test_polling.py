"""Waiting in tests: it returns what it waited for, gives up with a description, and ends on an error."""

from __future__ import annotations

import pytest

from tests.polling import until


def test_it_returns_the_first_value_that_is_true() -> None:
    values = iter(["", [], {"Status": "DONE"}, "never asked for"])
    assert until(lambda: next(values), pause=0) == {"Status": "DONE"}


def test_it_gives_up_with_the_last_value_and_what_was_awaited() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s: the row to be HOSTED \(last value: 0\)"):
        until(lambda: 0, "the row to be HOSTED", seconds=0, pause=0)
    with pytest.raises(AssertionError, match="status FAILED"):
        until(lambda: 0, lambda: "status FAILED", seconds=0, pause=0)


def test_what_the_look_raises_ends_the_wait() -> None:
    def look() -> bool:
        raise ProcessLookupError("the engine ended")

    with pytest.raises(ProcessLookupError, match="the engine ended"):
        until(look)
