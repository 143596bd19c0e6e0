"""Single JSON values as text, numbers and lists of points."""

from __future__ import annotations

import contextlib
import json
from itertools import repeat
from typing import Any

import orjson


def text(value: Any) -> str | None:
    """Return a JSON value as text: a string as it is, null as None, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return as_json(value)


def as_json(value: Any) -> str:
    """Return a JSON value as JSON; of one that is nested beyond what is sensible, that it is."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # deeper than 254 levels
        with contextlib.suppress(RecursionError):
            return json.dumps(value, separators=(",", ":"))
        return '"(nested too deeply)"'


def number(value: Any) -> float | None:
    """Return a number, or one written as a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e300 else None


def whole(value: Any) -> int | None:
    """Return a whole number of 32 bits, or one written as a string; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < 2**31 else None


def points(value: Any) -> list[dict[str, float | None]] | None:
    """Return a list of points ({"x", "y", "z"} or [x, y, z]); None for anything else."""
    if not isinstance(value, list):
        return None
    found = []
    for point in value:
        if isinstance(point, dict):
            place = [number(point.get(axis)) for axis in "xyz"]
        elif isinstance(point, list) and len(point) in (2, 3):
            place = [*map(number, point), *repeat(None, 3 - len(point))]
        else:
            return None
        if place[0] is None or place[1] is None:
            return None
        found.append(dict(zip("xyz", place, strict=True)))
    return found
