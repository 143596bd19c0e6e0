"""Checks of the captions pipeline's parameters, and what their values mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brume.run.checks import Checks

LEVELS = ("off", "low", "medium", "high")
REAL_TIME, FAST = "real-time", "fast"
CODE = re.compile(r"[a-z]{2,3}-[A-Z]{2}")  # a language as AWS has it


def check_captions(arguments: Mapping[str, Any]) -> None:
    """Check the arguments of the pipeline. Raises `ValueError` with one line for each wrong one."""
    checks = Checks(arguments)
    checks.exists("audio", "references")
    checks.require(
        arguments["audio"] or not arguments["references"],
        "references needs audio: without it the pipeline makes speech whose text it knows",
    )
    checks.attempt(lambda: levels_of(arguments["levels"]))
    checks.attempt(lambda: languages_of(arguments["language"]))
    checks.require(
        arguments["speed"] in (REAL_TIME, FAST),
        f"speed={arguments['speed']} must be {FAST} (as the service takes it) or {REAL_TIME}",
    )
    checks.between(0, 1, "max_rejected")
    checks.at_least(1, "streams")
    checks.finish()


def levels_of(text: str) -> tuple[str, ...]:
    """Return the levels in a list with commas, in the order of LEVELS. Raises `ValueError`."""
    given = _parts(text)
    if not given or not set(given) <= set(LEVELS):
        raise ValueError(f"levels={text} must be some of {','.join(LEVELS)}, with commas between them")
    return tuple(level for level in LEVELS if level in given)


def languages_of(text: str) -> tuple[str, ...]:
    """Return the language codes in a list with commas. Raises `ValueError`."""
    given = _parts(text)
    if not given or not all(map(CODE.fullmatch, given)):
        raise ValueError(
            f"language={text} must be a code such as en-US, or several with commas, one of which is spoken"
        )
    return given


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
