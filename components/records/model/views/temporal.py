"""Dates and times of FHIR: which is earlier, and the first and last moment that one of them can mean.

Sources: hl7.org/fhirpath, sections 6.1.1, 6.2 (comparison), 5.6.6 and 5.6.7 (boundaries).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

TYPES = frozenset({"date", "dateTime", "instant", "time"})
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
)
_TIME = re.compile(r"(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?")
_LIMITS = ((1, 9999), (1, 12), (1, 31), (0, 24), (0, 59), (0, 60))  # 24 and 60 end days and minutes
_FIRST, _LAST = "+14:00", "-12:00"  # the zones where a day begins first and ends last


class Moment(NamedTuple):
    """A date or time: year, month, day, hour, minute, second, as far as they are stated; and the zone."""

    parts: tuple[Decimal, ...]
    zone: str
    is_time: bool


def moment(text: str) -> Moment | None:
    """Return what a text states; None where it is no date or time."""
    match = _DATE.fullmatch(text)
    if match:
        *parts, zone = match.groups()
        return _checked(parts, _LIMITS, zone or "")
    match = _TIME.fullmatch(text)
    return _checked(match.groups(), _LIMITS[3:], "", is_time=True) if match else None


def _checked(
    stated: Sequence[str | None], limits: Sequence[tuple[int, int]], zone: str, *, is_time: bool = False
) -> Moment | None:
    parts = tuple(Decimal(part) for part in stated if part)
    for part, (least, most) in zip(parts, limits, strict=False):
        if not least <= int(part) <= most:
            return None
    return Moment(parts, zone, is_time)


def is_day(text: str) -> bool:
    """Return whether a text is a date to the day at least, and so hardly anything else."""
    return len(text) >= 10 and _DATE.fullmatch(text) is not None


def compare(left: Moment, right: Moment) -> int | None:
    """Return -1, 0 or 1; None where it depends on what one of them does not state."""
    if left.is_time != right.is_time:
        return None
    if len(left.parts) > 3 and len(right.parts) > 3 and not left.is_time:
        if bool(left.zone) != bool(right.zone):
            return None
        left, right = _universal(left), _universal(right)
    for one, other in zip(left.parts, right.parts, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left.parts) == len(right.parts) else None


def _universal(given: Moment) -> Moment:
    """Return a date with a time in UTC; one without a zone as it is."""
    if given.zone in ("", "Z"):
        return given
    year, month, day, hour, *rest = given.parts
    minute = rest[0] if rest else Decimal(0)
    hours, minutes = int(given.zone[1:3]), int(given.zone[4:])
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if given.zone[0] == "-" else 1)
    try:
        moved = datetime(int(year), int(month), int(day), int(hour), int(minute)) - offset
    except (ValueError, OverflowError):
        return given
    parts = [Decimal(part) for part in (moved.year, moved.month, moved.day, moved.hour, moved.minute)]
    return given._replace(parts=(*parts[: len(given.parts)], *given.parts[5:]))


def boundary(text: str, kind: str | None, *, last: bool) -> str | None:
    """Return the first or last moment that a date or time can mean, to the millisecond; None for other texts.

    `kind` is its type in FHIR; without one a text with a time is a dateTime, else a date.
    """
    stated = moment(text)
    if stated is None:
        return None
    if stated.is_time:
        return _clock(stated.parts, last)
    year, month, day = (*map(int, stated.parts[:3]), 0, 0)[:3]
    month = month or (12 if last else 1)
    day = day or (calendar.monthrange(year, month)[1] if last else 1)
    date = f"{year:04}-{month:02}-{day:02}"
    if kind == "date" or (kind is None and len(stated.parts) <= 3):
        return date
    return f"{date}T{_clock(stated.parts[3:], last)}{stated.zone or (_LAST if last else _FIRST)}"


def _clock(parts: tuple[Decimal, ...], last: bool) -> str:
    hour, minute = (*map(int, parts[:2]), *((23, 59) if last else (0, 0))[len(parts[:2]) :])
    second = str(parts[2]) if len(parts) > 2 else ("59" if last else "00")
    whole, _, fraction = second.partition(".")
    return f"{hour:02}:{minute:02}:{whole:0>2}.{fraction.ljust(3, '9' if last else '0')}"
