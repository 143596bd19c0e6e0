"""Timestamps as the protocols write them: seconds since 1970, ISO 8601, or an HTTP date."""

from __future__ import annotations

import email.utils
import math
from datetime import UTC, datetime

UNIX, ISO, HTTP = "unixTimestamp", "iso8601", "rfc822"


def parse(value: object) -> datetime:
    """Return an aware time in UTC from any of the three formats. Raises `ValueError` for anything else."""
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return _from_seconds(value)
        text = str(value).strip()
        try:
            seconds = float(text)
        except ValueError:
            pass
        else:
            return _from_seconds(seconds)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = email.utils.parsedate_to_datetime(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        raise ValueError("not a timestamp") from None


def _from_seconds(seconds: float) -> datetime:
    if not math.isfinite(seconds):
        raise ValueError
    return datetime.fromtimestamp(seconds, UTC)


def write(value: object, form: str) -> str | int | float:
    """Return a time (datetime, naive meaning UTC, or seconds since 1970) in format `form`."""
    time = parse(value)
    if form == ISO:
        return time.isoformat(timespec="milliseconds" if time.microsecond else "seconds").replace(
            "+00:00", "Z"
        )
    if form == HTTP:
        return email.utils.format_datetime(time, usegmt=True)
    seconds = round(time.timestamp(), 3)
    return int(seconds) if seconds.is_integer() else seconds
