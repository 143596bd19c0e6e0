"""Dates as notes write them, moved by a number of days and written in the same form."""

from __future__ import annotations

import re
from datetime import date, timedelta

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_NO_YEAR = 2001  # stands for the year of a date without one; February has 28 days
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?=\D|$)",
        r"(?P<year>\d{4})-(?P<month>\d{2})$",
        r"(?P<month>\d{1,2})[/.-](?P<day>\d{1,2})(?:[/.-](?P<year>\d{4}|\d{2}))?$",
        rf"{_NAME}\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s(?P<year>\d{{4}}))?$",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?{_NAME}(?:,?\s(?P<year>\d{{4}}))?$",
        rf"{_NAME},?\s(?:of\s)?(?P<year>\d{{4}})$",
        r"(?P<year>\d{4})$",
    )
)
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")


def moved(text: str, days: int) -> str:
    """Return a date moved by days, "" for what is none.

    A month without a day counts from its 15th, a year alone from 1 July; a time of day stays.
    """
    for form in _FORMS:
        if match := form.match(text):
            return _written(text, match, days)
    return ""


def _written(text: str, match: re.Match[str], days: int) -> str:
    found = match.groupdict()
    name, day, month, year = (found.get(part) or "" for part in ("name", "day", "month", "year"))
    numbers = {part: int(value) for part, value in (("day", day), ("month", month)) if value}
    swapped = numbers.get("month", 1) > 12  # the day goes first
    if swapped:
        numbers["day"], numbers["month"] = numbers["month"], numbers["day"]
    if name:
        numbers["month"] = _month(name)
    century = 0 if len(year) != 2 else 2000 if int(year) < 70 else 1900
    try:
        month_number = numbers.get("month", 7)
        day_number = numbers.get("day", 15 if "month" in numbers else 1)
        before = date(century + int(year or _NO_YEAR), month_number, day_number)
        after = before + timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    values = {"year": str(after.year)[-len(year) :] if year else "", "name": _like(name, after.month)}
    first, second = (after.day, after.month) if swapped else (after.month, after.day)
    values |= {"month": str(first).zfill(len(month)), "day": str(second).zfill(len(day) if month else 1)}
    written, at = "", 0
    for part in sorted((part for part in values if found.get(part)), key=match.start):
        written += text[at : match.start(part)] + values[part]
        at = match.end(part)
    return _ORDINAL.sub(lambda _: _suffix(after.day), written + text[at:])


def _month(name: str) -> int:
    """Return the number of a month by the start of its name, 0 for none."""
    return next((at for at, one in enumerate(_MONTHS, 1) if one[:3].lower() == name[:3].lower()), 0)


def _like(name: str, month: int) -> str:
    """Return a month's name, as short and in the case of another."""
    made = _MONTHS[month - 1]
    if len(name) <= 4 and name.lower() not in ("may", "june", "july"):
        made = made[:3]
    return made.upper() if name.isupper() else made.lower() if name.islower() else made


def _suffix(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
