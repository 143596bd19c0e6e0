"""All that is wrong with the parameters of a pipeline is named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from brume.run.checks import Checks


def test_every_fault_is_named_and_nothing_else(tmp_path: Path) -> None:
    checks = Checks(
        {"a": str(tmp_path), "b": "", "c": "/absent", "d": "s3://unasked/x", "n": 0, "share": 1.5}
    )
    checks.exists("a", "b", "c", "d")
    checks.at_least(0, "n")
    checks.at_least(1, "n")
    checks.between(0, 1, "share", "n")
    checks.require(True, "never")
    checks.require([], "an empty list")
    checks.attempt(lambda: int("x1"))
    checks.attempt(lambda: int("1"))
    with pytest.raises(ValueError) as raised:
        checks.finish()
    assert str(raised.value).splitlines() == [
        "c=/absent is not there",
        "n=0 must be at least 1",
        "share=1.5 must be from 0 to 1",
        "an empty list",
        "invalid literal for int() with base 10: 'x1'",
    ]


def test_nothing_wrong_is_no_error() -> None:
    checks = Checks({"n": 1})
    checks.at_least(1, "n")
    checks.between(1, 1, "n")
    checks.finish()
