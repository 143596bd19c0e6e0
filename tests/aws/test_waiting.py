"""Polling: responses are seen in order; success, an error or the time ends the wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.aws.waiting import StillWaitingError, wait_until


@given(st.integers(0, 5))
def test_requests_are_made_until_one_is_done(before: int) -> None:
    responses = iter([*["CREATING"] * before, "READY", "DELETED"])
    seen: list[str] = []
    found = wait_until(lambda: next(responses), "READY".__eq__, first_pause=0, waiting=seen.append)
    assert found == "READY"
    assert seen == ["CREATING"] * before
    assert next(responses) == "DELETED"  # no further request was made


def test_time_ends_the_wait_with_the_last_response() -> None:
    calls: list[int] = []

    def request() -> int:
        calls.append(len(calls))
        return calls[-1]

    with pytest.raises(StillWaitingError) as caught:
        wait_until(request, lambda response: False, seconds=0.01, first_pause=0.001)
    assert caught.value.last == calls[-1]
    with pytest.raises(StillWaitingError):
        wait_until(request, lambda response: False, seconds=0)
    assert wait_until(request, lambda response: True, seconds=0) == calls[-1]


def test_an_error_of_the_request_ends_the_wait() -> None:
    def failed() -> str:
        raise ConnectionError("refused")

    with pytest.raises(ConnectionError, match="refused"):
        wait_until(failed, bool)
