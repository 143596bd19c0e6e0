"""Dates and times of FHIR as ranges of whole milliseconds since 1970, UTC where no zone is given."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[-+]\d\d:\d\d)?)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -(1 << 52), 1 << 52
"""Milliseconds that stand for the open ends of a period."""

Range = tuple[int, int]


def of_text(text: str) -> Range:
    """Return the first and the last millisecond of a date or time. Raises `ValueError`.

    `2021` is a year, `2021-03` a month, `2021-03-05` a day, `2021-03-05T10:30` a minute; a second may be 60.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a date or time of FHIR, such as 2021-03-05 or 2021-03-05T10:30:00Z")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    fraction, zone = match[7], match[8]
    base = datetime(year, month or 1, day or 1, hour, minute, min(second, 59), tzinfo=_zone(zone))
    start = _milliseconds(base)
    if fraction is not None:
        start += int(fraction[:3].ljust(3, "0"))
        length = 10 ** max(0, 3 - len(fraction))
    elif match[6]:
        length = 1000
    elif match[5]:
        length = 60_000
    elif match[3]:
        length = 86_400_000
    elif match[2]:
        length = calendar.monthrange(year, month)[1] * 86_400_000
    else:
        length = (366 if calendar.isleap(year) else 365) * 86_400_000
    return start, start + length - 1


def of_value(value: Any) -> list[Range]:
    """Return the ranges of a date, a Period or the events and bounds of a Timing. Raises `ValueError`."""
    if isinstance(value, str):
        return [of_text(value)]
    if not isinstance(value, Mapping):
        raise ValueError("neither a date nor a Period nor a Timing")
    if "start" in value or "end" in value:
        return [
            (
                of_text(_text(value["start"]))[0] if "start" in value else FIRST,
                of_text(_text(value["end"]))[1] if "end" in value else LAST,
            )
        ]
    ranges = [of_text(_text(event)) for event in value.get("event") or ()]
    repeat = value.get("repeat")
    if isinstance(repeat, Mapping) and "boundsPeriod" in repeat:
        ranges += of_value(repeat["boundsPeriod"])
    return ranges


def instant(milliseconds: int) -> str:
    """Return the instant of FHIR, in UTC with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a date is a text")
    return value


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
