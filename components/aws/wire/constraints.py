"""What a model requires of a value beyond its type: enumeration, range or length, pattern."""

from __future__ import annotations

from typing import Any

from brume.aws.wire import patterns


def broken(shape: Any, value: Any) -> str | None:
    """Return what is wrong with a value of the right type, as the end of a sentence, or None.

    Lengths are characters of strings, bytes of blobs, items of lists and maps. A pattern is only tried on a
    string of allowed length.
    """
    metadata = shape.metadata
    allowed = metadata.get("enum")
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed)}"
    low, high = metadata.get("min"), metadata.get("max")
    number = isinstance(value, (int, float))
    size, unit = (value, "") if number else (len(value), _unit(value))
    if low is not None and size < low:
        return f"must be at least {low}{unit}, and is {size}"
    if high is not None and size > high:
        return f"must be at most {high}{unit}, and is {size}"
    pattern = metadata.get("pattern")
    if pattern and isinstance(value, str):
        fits = patterns.matcher(pattern)
        if fits and not fits(value):
            return f"must match the pattern {pattern}"
    return None


def _unit(value: Any) -> str:
    if isinstance(value, bytes):
        return " bytes long"
    return " characters long" if isinstance(value, str) else " items long"
