"""How English words with digits are read: what they are, by their form and their neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brume.narration.model.normal import readings
from brume.narration.model.normal.english_forms import (
    date,
    fraction,
    is_unit,
    money,
    number,
    power,
    telephone,
    time,
    unit,
)
from brume.narration.model.normal.english_numbers import cardinal, digits, ordinal, plural, year
from brume.narration.model.normal.english_tables import (
    CODES,
    COUNTED,
    CURRENCIES,
    DIALLED,
    LARGE,
    LARGE_WORDS,
    MONTH_NUMBERS,
    SYMBOLS,
)
from brume.narration.model.normal.groups import in_telephone
from brume.narration.model.normal.tokens import Token

_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{1,60})?|\.\d{1,60}"
SIGNED = re.compile(rf"([-+±~#]?)({_NUMBER})")
_SYMBOL = r"(?:US|CA|AU|NZ|HK|[CAS])\$|R\$|[$£€¥₹₩]"
MONEY = re.compile(rf"(-?)({_SYMBOL})({_NUMBER})(k|m|mn|bn|b|tn)?\+?", re.IGNORECASE)
_WITH_UNIT = re.compile(rf"([-+±~]?)({_NUMBER})-?([^\W\d_]+(?:/[^\W\d_]+)?[²³]?|%|‰|°[CF]?|¢)")
_PER = re.compile(r"(.+)/([^\W\d_]+)")
_TIME = re.compile(r"(\d{1,2})[:h](\d{2})(?::(\d{2}))?([ap]\.?m)?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2})([ap]\.?m)", re.IGNORECASE)
_RATIO = re.compile(r"(\d{1,4}):(\d{1,3}(?:,\d{3}){1,4}|\d{1,4})")
_ISO_DATE = re.compile(
    r"(\d{4})[-/](\d{2})[-/](\d{2})(?:T(\d{2}):(\d{2})(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_DATE = re.compile(r"(\d{1,2})(?:/|-(?=\d{1,2}-\d{4}))(\d{1,2})[/-](\d{4}|\d{2})")
_DOTTED_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(st|nd|rd|th)", re.IGNORECASE)
_DECADE = re.compile(r"(?:(\d{2})|')?(\d0)'?s")
_PHONE = re.compile(r"(?:\+?\d{1,3}[-.])?\(?(?:\d{3}\)?[-.])?\d{3}[-.]\d{4}")
_CODE = re.compile(r"\d+(?:-\d+){2,}")  # of a book, an account
RANGE = re.compile(rf"({_SYMBOL})?({_NUMBER})[-–](?:{_SYMBOL})?({_NUMBER})(%?)")
_FRACTION = re.compile(r"(\d{1,9})/(\d{1,9})(?:th|rd|nd)?s?")
_MIXED = re.compile(r"(\d{1,9})(?:([¼-¾⅐-⅞])|-(\d{1,3})/(\d{1,3}))")
_INCHES = re.compile(r"(\d{1,2})'(\d{1,2})")
_POWER = re.compile(rf"({_NUMBER})(?:\^(-?\d{{1,9}})|([⁻⁰¹²³⁴-⁹]{{1,9}}))")
_BY = re.compile(r"(\d{1,6})x(\d{1,6})")
_VERSION = re.compile(r"(v?)(\d{1,9}(?:\.\d{1,9})*)(?:-?((?:alpha|beta|rc|dev|post)\.?\d{0,4}))?")
_MILLIONS = re.compile(rf"({_NUMBER})M")
_NETWORK = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_YEARS = range(1100, 2100)
_SIGNS = {"": "", "-": "minus ", "+": "plus ", "±": "plus or minus ", "~": "about ", "#": "number "}


def read(tokens: Sequence[Token], index: int) -> str:
    """Return how a token with digits is read among its neighbours."""
    token = tokens[index]
    text = re.sub(rf"^({_SYMBOL})-", r"-\1", token.text)
    before = tokens[index - 1] if index else None
    previous = before.text if before is not None else ""
    following = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if in_telephone(tokens, index):
        return telephone(text)
    if found := MONEY.fullmatch(text):
        return _money(found, following)
    if found := SIGNED.fullmatch(text):
        if code_before(tokens, index):
            return _SIGNS[found[1]] + money(found[2], previous)
        return _signed(found[1], found[2], before, following)
    whole = before is not None and previous.isdecimal() and not before.closing
    if whole and (found := _FRACTION.fullmatch(text)) and int(found[1]) < int(found[2]) <= 100:  # 2 1/2
        return f"and {fraction(int(found[1]), int(found[2]))}"
    if (found := _MILLIONS.fullmatch(text)) and following.lower() in COUNTED:
        return f"{number(found[1])} million"
    if (found := RANGE.fullmatch(text)) and (found[1] or not _PHONE.fullmatch(text)):
        return _range(found, following)
    if previous.lower() == "version":
        text = text.removeprefix("v")
    return _alone(text, following.lower().replace(".", "") in ("am", "pm"))


def _alone(text: str, half: bool = False) -> str:
    """Return how a text with digits is read by itself; `half`: AM or PM follows."""
    if found := MONEY.fullmatch(text):
        return _money(found, "")
    if found := SIGNED.fullmatch(text):
        return _SIGNS[found[1]] + number(found[2])
    if words := _moment(text, half):
        return words
    if found := _ORDINAL.fullmatch(text):
        return ordinal(int(found[1].replace(",", "")))
    if _PHONE.fullmatch(text) or _CODE.fullmatch(text):
        return telephone(text)
    if found := RANGE.fullmatch(text):
        return _range(found, "")
    if found := _FRACTION.fullmatch(text):
        if int(found[1]) in _YEARS and len(found[2]) == 2:  # 1990/91
            return f"{year(int(found[1]))} to {number(found[2])}"
        if found[1] == found[2] and len(found[1]) > 1:  # 50/50, 20/20
            return f"{number(found[1])} {number(found[2])}"
        return fraction(int(found[1]), int(found[2]))
    if found := _MIXED.fullmatch(text):
        part = SYMBOLS[found[2]] if found[2] else fraction(int(found[3]), int(found[4]))
        return f"{number(found[1])} and {part}"
    if found := _INCHES.fullmatch(text):
        return f"{number(found[1])} foot {number(found[2])}"
    if found := _POWER.fullmatch(text):
        return f"{number(found[1])} {power(found[2] or found[3].translate(_RAISED))}"
    if found := _BY.fullmatch(text):
        return f"{number(found[1])} by {number(found[2])}"
    if _NETWORK.fullmatch(text):
        return " dot ".join(number(part) for part in text.split("."))
    found = _VERSION.fullmatch(text)
    if found and (found[1] or found[3] or found[2].count(".") > 1):
        words = " point ".join(number(part) for part in found[2].split("."))
        return "version " * bool(found[1]) + words + (f" {_mixed(found[3])}" if found[3] else "")
    if text.endswith("+") and SIGNED.fullmatch(text[:-1]):
        return f"{_alone(text[:-1])} plus"
    if words := _with_unit(text):
        return words
    return _parts(text)


def _moment(text: str, half: bool) -> str:
    """Return how a date, a time, a decade or a ratio is read; "" for what is none."""
    if found := _TIME.fullmatch(text):
        hour, minute, second = (int(part) for part in (found[1], found[2], found[3] or "0"))
        if hour <= 24 and minute < 60 and second < 60:
            return time(hour, minute, second if found[3] else None, found[4] or "", half or bool(found[4]))
    if found := _HOUR.fullmatch(text):
        return time(int(found[1]), 0, None, found[2], True)
    if found := _RATIO.fullmatch(text):
        return f"{number(found[1])} to {number(found[2])}"
    if (found := _ISO_DATE.fullmatch(text)) and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31:
        at = f" {time(int(found[4]), int(found[5]), None, '', False)}" if found[4] else ""
        return date(int(found[1]), int(found[2]), int(found[3])) + at
    if found := _DATE.fullmatch(text):
        month, day = int(found[1]), int(found[2])
        month, day = (day, month) if month > 12 else (month, day)
        if 1 <= month <= 12 and 1 <= day <= 31:
            return date(_century(found[3]), month, day)
    if (found := _DOTTED_DATE.fullmatch(text)) and 1 <= int(found[1]) <= 31 and 1 <= int(found[2]) <= 12:
        return date(int(found[3]), int(found[2]), int(found[1]))
    if found := _DECADE.fullmatch(text):
        if found[1] and int(found[1]) >= 20 and found[2] == "00":
            return plural(year(int(found[1] + found[2])))
        tens = "hundreds" if found[2] == "00" else plural(cardinal(int(found[2])))
        return f"{cardinal(int(found[1]))} {tens}" if found[1] else tens
    return ""


def _with_unit(text: str) -> str:
    """Return how a number with its unit is read, or something for each of another; "" for what is none."""
    if found := _WITH_UNIT.fullmatch(text):
        sign = _SIGNS[found[1]]
        if is_unit(found[3]):
            return f"{sign}{number(found[2])} {unit(found[3], found[2])}"
        if found[3] in LARGE:
            return f"{sign}{number(found[2])} {LARGE[found[3]]}"
        if found[3] == "¢":
            return f"{sign}{number(found[2])} {'cent' if found[2] == '1' else 'cents'}"
    if (found := _PER.fullmatch(text)) and (MONEY.fullmatch(found[1]) or _WITH_UNIT.fullmatch(found[1])):
        per = unit(found[2], "1") if is_unit(found[2]) else found[2]
        return f"{_alone(found[1])} per {per}"
    return ""


def _parts(text: str) -> str:
    """Return how what has hyphens is read, part by part: mid-1990s, 19th-century, 9am-5pm."""
    parts = [part for part in re.split("[-–×]", text) if part]
    if len(parts) < 2:
        return _mixed(text)
    times = all(_TIME.fullmatch(part) or _HOUR.fullmatch(part) for part in parts)
    measured = _WITH_UNIT.fullmatch(parts[-1]) if len(parts) == 2 and SIGNED.fullmatch(parts[0]) else None
    if times or (measured and is_unit(measured[3])):  # 9am-5pm, 10-15km
        return " to ".join(map(_alone, parts))
    between = " times " if "×" in text else " "
    return between.join(_alone(part) if re.search(r"\d", part) else _mixed(part) for part in parts)


def _mixed(text: str) -> str:
    return readings.mixed(text, number, SYMBOLS, ",")


def code_before(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the currency of a number is a code before it: CHF 100, but not 5 CHF."""
    if not 0 < index < len(tokens) or tokens[index - 1].text not in CODES or tokens[index - 1].closing:
        return False
    number_before = index > 1 and not tokens[index - 2].closing and SIGNED.fullmatch(tokens[index - 2].text)
    return bool(SIGNED.fullmatch(tokens[index].text)) and not number_before


def _signed(sign: str, text: str, before: Token | None, following: str) -> str:
    previous = before.text.lower() if before is not None else ""
    month = previous in MONTH_NUMBERS and before is not None and before.text[:1].isupper()
    if not sign and text.isdecimal():
        value = int(text)
        if month and 1 <= value <= 31 and len(text) <= 2:
            return ordinal(value)
        if following.lower().rstrip(".") in MONTH_NUMBERS and following[:1].isupper() and 1 <= value <= 31:
            the = "" if previous == "the" else "the "
            return f"{the}{ordinal(value)} of"
        named = previous in ("in", "since", "until", "before", "after") and value >= 1000
        if len(text) == 4 and not is_unit(following) and (value in _YEARS or named):
            return year(value)
        if len(text) == 3 and previous in DIALLED:  # call 911
            return digits(text)
    return _SIGNS[sign] + number(text)


def _money(found: re.Match[str], following: str) -> str:
    currency, amount = found[2].upper(), found[3]
    minus = "minus " if found[1] else ""
    if found[4]:
        return f"{minus}{number(amount)} {LARGE[found[4].lower()]} {CURRENCIES[currency][1]}"
    if following.lower() in LARGE_WORDS:
        return minus + number(amount)
    return minus + money(amount, currency)


def _range(found: re.Match[str], following: str) -> str:
    parts = []
    for text in (found[2], found[3]):
        plain = text.isdecimal() and len(text) == 4 and int(text) in _YEARS and not found[1]
        parts.append(year(int(text)) if plain else number(text))
    named = found[1] and following.lower() not in LARGE_WORDS
    kind = CURRENCIES[found[1].upper()][1] if named else "percent" if found[4] else ""
    return f"{parts[0]} to {parts[1]} {kind}".strip()


def _century(text: str) -> int:
    return int(text) if len(text) == 4 else int(text) + (1900 if int(text) > 40 else 2000)
