"""How English text is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brume.narration.model.normal import readings
from brume.narration.model.normal.english_numbers import cardinal, decimal, digits, ordinal, plural, year
from brume.narration.model.normal.english_tables import (
    AMBIGUOUS_UNITS,
    CURRENCIES,
    LARGE,
    LARGE_WORDS,
    MONTH_NUMBERS,
    MONTHS,
    PERIODS,
    ROMAN_CARDINAL,
    ROMAN_ORDINAL,
    SENTENCES,
    STREETS,
    SYMBOLS,
    TITLES,
    UNITS,
    WORDS,
)
from brume.narration.model.normal.tokens import ADDRESS, Token, pause

_NUMBER = r"(?:\d{1,3}(?:,\d{3}){1,9}|\d{1,30})(?:\.\d{1,60})?|\.\d{1,60}"
_SIGNED = re.compile(rf"([-+±~#]?)({_NUMBER})")
_MONEY = re.compile(rf"(-?)(US\$|[$£€¥₹₩])({_NUMBER})(k|m|mn|bn|b|tn)?\+?", re.IGNORECASE)
_WITH_UNIT = re.compile(rf"([-+±~]?)({_NUMBER})-?([^\W\d_]+(?:/[hs])?[²³]?|%|°[CF]?|¢)")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?([ap]\.?m)?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2})([ap]\.?m)", re.IGNORECASE)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
_ORDINAL = re.compile(r"(\d{1,15})(st|nd|rd|th)", re.IGNORECASE)
_DECADE = re.compile(r"(?:(\d{2})|')?(\d0)'?s")
_PHONE = re.compile(r"(?:\+?1[-.])?\(?(?:\d{3}\)?[-.])?\d{3}[-.]\d{4}")
_RANGE = re.compile(rf"([$£€]?)({_NUMBER})[-–]([$£€]?)({_NUMBER})(%?)")
_FRACTION = re.compile(r"(\d{1,9})/(\d{1,9})")
_MANY_POINTS = re.compile(r"v?\d+(?:\.\d+){2,}")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?")
_FRACTIONS = {2: "half", 4: "quarter"}
_LONGEST = 30  # digits of a number that is one
_YEARS = range(1100, 2100)


def read(tokens: Sequence[Token], index: int) -> str:
    """Return how a token is read among its neighbours: words, or "" for what is not read."""
    text = tokens[index].text
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if shortened(tokens, index):
        return _abbreviation(text, before, after)
    if text.lower() in WORDS and not text.isupper():
        return WORDS[text.lower()]
    if _WORD.fullmatch(text):
        return _word(text, before)
    if ADDRESS.fullmatch(text):
        return readings.address(text, number, SYMBOLS)
    if any(char.isdecimal() for char in text):
        return _figures(text, before, after)
    if _INITIALS.fullmatch(text):
        return " ".join(text.upper().replace(".", " ").split())
    return readings.mixed(text, number, SYMBOLS)


def shortened(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the period after a token belongs to an abbreviation, and no sentence ends there."""
    token = tokens[index]
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if not token.closing.startswith("."):
        return False
    text = token.text
    capital = after is not None and (after.text[:1].isupper() or after.opening.strip() != "")
    if text in TITLES:
        return True
    if text.lower() in ("no", "nos", "p", "pp", "fig", "figs", "vol", "ch", "sec", "eq"):
        return after is not None and after.text[:1].isdecimal()
    if text.lower() in MONTH_NUMBERS and len(text) <= 4 and text.lower() != "may":
        return True
    if text.lower() in PERIODS:
        return text.lower() in SENTENCES or text[:1].islower() or not capital
    if text.lower() in WORDS or _INITIALS.fullmatch(text):
        return not capital
    return len(text) == 1 and text.isupper() and text != "I" and capital  # J. K. Rowling


def ends_sentence(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a sentence may end after a token with . ? or ! behind it."""
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is None:
        return True
    if shortened(tokens, index):
        before = tokens[index - 1] if index else None
        title = _abbreviation(tokens[index].text, before, after) in TITLES.values()
        return not title and tokens[index].text.lower() in SENTENCES and after.text[:1].isupper()
    return not after.text[:1].islower()


def _abbreviation(text: str, before: Token | None, after: Token | None) -> str:
    name = after is not None and after.text[:1].isupper()
    street = before is not None and before.text[:1].isupper() and not before.closing
    if text in STREETS and (street or not name):
        return STREETS[text]
    if text in TITLES:
        return TITLES[text]
    lower = text.lower()
    if lower in ("no", "nos"):
        return "number" if lower == "no" else "numbers"
    if lower in MONTH_NUMBERS:
        return MONTHS[MONTH_NUMBERS[lower] - 1]
    if lower in UNITS and before is not None and before.number:
        return _unit(lower, before.number)
    if lower in PERIODS:
        return PERIODS[lower]
    return WORDS.get(lower, text.upper().replace(".", " "))


def _word(text: str, before: Token | None) -> str:
    previous = before.text if before is not None else ""
    if before is not None and before.number and not before.closing and _SIGNED.fullmatch(previous):
        if text in UNITS and text not in AMBIGUOUS_UNITS:
            return _unit(text, previous)
        if text in CURRENCIES:
            return CURRENCIES[text][0 if previous == "1" else 1]
    if (found := _MONEY.fullmatch(previous)) and text.lower() in LARGE_WORDS:
        return f"{text} {CURRENCIES[found[2].upper()][1]}"
    if text == "A" and (before is None or pause(before.closing) in tuple(".?!:")):
        return "a"  # the article: a capital is a letter that is named
    if text in TITLES and text not in ("Gen", "Rep", "Col", "Hon", "Fr", "Ft", "Lt"):  # Mr Smith
        return TITLES[text] if text not in STREETS or not previous[:1].isupper() else STREETS[text]
    lower = previous.lower()
    if (value := readings.roman(text)) and previous[:1].isupper():
        if lower in ROMAN_CARDINAL:
            return cardinal(value)
        if lower in ROMAN_ORDINAL and (len(text) > 1 or text in "VX"):
            return f"the {ordinal(value)}"
    return text


def _figures(text: str, before: Token | None, after: Token | None) -> str:
    """Return how a token with digits is read."""
    following = after.text if after is not None else ""
    if found := _MONEY.fullmatch(text):
        return _money(found, following)
    if found := _TIME.fullmatch(text):
        hour, minute, second = (int(part) for part in (found[1], found[2], found[3] or "0"))
        if hour <= 24 and minute < 60 and second < 60:
            named = bool(found[4]) or following.lower().replace(".", "") in ("am", "pm")
            return time(hour, minute, second if found[3] else None, found[4] or "", named)
    if found := _HOUR.fullmatch(text):
        return time(int(found[1]), 0, None, found[2], True)
    if (found := _ISO_DATE.fullmatch(text)) and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31:
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _DATE.fullmatch(text):
        month, day = int(found[1]), int(found[2])
        month, day = (day, month) if month > 12 else (month, day)
        if 1 <= month <= 12 and 1 <= day <= 31:
            return date(_century(found[3]), month, day)
    if found := _ORDINAL.fullmatch(text):
        return ordinal(int(found[1]))
    if found := _DECADE.fullmatch(text):
        if found[1] and int(found[1]) >= 20 and found[2] == "00":
            return plural(year(int(found[1] + found[2])))
        tens = "hundreds" if found[2] == "00" else plural(cardinal(int(found[2])))
        return f"{cardinal(int(found[1]))} {tens}" if found[1] else tens
    if _PHONE.fullmatch(text):
        return telephone(text)
    if found := _RANGE.fullmatch(text):
        return _range(found)
    if found := _FRACTION.fullmatch(text):
        return fraction(int(found[1]), int(found[2]))
    if _MANY_POINTS.fullmatch(text):
        parts = [number(part) for part in text.lstrip("v").split(".")]
        return ("version " if text[0] == "v" else "") + " point ".join(parts)
    if found := _SIGNED.fullmatch(text):
        return _plain(found[1], found[2], before, following)
    if (found := _WITH_UNIT.fullmatch(text)) and (found[3] in UNITS or found[3] in ("¢", *LARGE)):
        if found[3] in LARGE and found[3] not in UNITS:
            words = f"{number(found[2])} {LARGE[found[3]]}"
        elif found[3] == "¢":
            words = f"{number(found[2])} {'cent' if found[2] == '1' else 'cents'}"
        else:
            words = f"{number(found[2])} {_unit(found[3], found[2])}"
        return f"{_SIGNS[found[1]]}{words}"
    return readings.mixed(text, number, SYMBOLS)


_SIGNS = {"": "", "-": "minus ", "+": "plus ", "±": "plus or minus ", "~": "about ", "#": "number "}


def _plain(sign: str, text: str, before: Token | None, following: str) -> str:
    previous = before.text.lower() if before is not None else ""
    month = previous in MONTH_NUMBERS and before is not None and before.text[:1].isupper()
    if not sign and text.isdecimal():
        value = int(text)
        if month and 1 <= value <= 31 and len(text) <= 2:
            return ordinal(value)
        if following.lower().rstrip(".") in MONTH_NUMBERS and following[:1].isupper() and 1 <= value <= 31:
            the = "" if previous == "the" else "the "
            return f"{the}{ordinal(value)} of"
        if len(text) == 4 and value in _YEARS and following not in UNITS:
            return year(value)
    return _SIGNS[sign] + number(text)


def _money(found: re.Match[str], following: str) -> str:
    one, several, hundredth, hundredths = CURRENCIES[found[2].upper()]
    text = found[3].replace(",", "")
    minus = "minus " if found[1] else ""
    if found[4]:
        return f"{minus}{number(text)} {LARGE[found[4].lower()]} {several}"
    if following.lower() in LARGE_WORDS:
        return minus + number(text)
    whole, _, part = text.partition(".")
    if not hundredth or len(part) not in (0, 2):
        return f"{minus}{number(text)} {one if text == '1' else several}"
    words = []
    if int(whole or "0") or not int(part or "0"):
        words.append(f"{cardinal(int(whole or '0'))} {one if int(whole or '0') == 1 else several}")
    if int(part or "0"):
        words.append(f"{cardinal(int(part))} {hundredth if int(part) == 1 else hundredths}")
    return minus + " and ".join(words)


def _range(found: re.Match[str]) -> str:
    parts = []
    for text in (found[2], found[4]):
        plain = text.isdecimal() and len(text) == 4 and int(text) in _YEARS and not found[1]
        parts.append(year(int(text)) if plain else number(text))
    unit = CURRENCIES[found[1]][1] if found[1] else "percent" if found[5] else ""
    return f"{parts[0]} to {parts[1]} {unit}".strip()


def _unit(unit: str, count: str) -> str:
    return UNITS[unit][0 if count.lstrip("-+") in ("1", "1.0") else 1]


def _century(text: str) -> int:
    return int(text) if len(text) == 4 else int(text) + (1900 if int(text) > 40 else 2000)


def number(text: str) -> str:
    """Return a number as words: `1,250`, `3.14`; one that begins with 0 digit by digit."""
    text = text.replace(",", "")
    if len(text) > 1 and text.isdecimal() and (text[0] == "0" or len(text) > _LONGEST):
        return digits(text)
    return decimal(text)


def letters(text: str) -> str:
    """Return each letter and digit, named."""
    return (
        " ".join(
            digits(char) if char.isdecimal() else char.upper() if char.isalpha() else SYMBOLS.get(char, "")
            for char in text
            if not char.isspace()
        )
        .replace("  ", " ")
        .strip()
    )


def fraction(numerator: int, denominator: int) -> str:
    """Return `three quarters` of 3/4; `over` where the words would be long."""
    if numerator == 0 or not 2 <= denominator <= 100:
        return f"{cardinal(numerator)} over {cardinal(denominator)}"
    name = _FRACTIONS.get(denominator, ordinal(denominator))
    if numerator == 1:
        return f"one {name}"
    return f"{cardinal(numerator)} {'halves' if denominator == 2 else plural(name)}"


def time(hour: int, minute: int, second: int | None, half: str, named: bool) -> str:
    """Return a time of day; `half` is am, pm or "", `named` whether that is read here or by what follows."""
    words = [cardinal(hour)]
    if minute:
        words.append(("oh " if minute < 10 else "") + cardinal(minute))
    elif second is None and not named:
        words.append("o'clock" if 0 < hour <= 12 else "hundred hours")
    if second:
        words.append(f"and {cardinal(second)} {'second' if second == 1 else 'seconds'}")
    if half:
        words.append(f"{half[0].upper()} M")
    return " ".join(words)


def date(the_year: int | None, month: int | None, day: int | None) -> str:
    """Return a date, parts of which may be absent: `January fifth, nineteen eighty four` without commas."""
    words = [MONTHS[month - 1]] if month else []
    if day:
        words.append(ordinal(day))
    if the_year is not None:
        words.append(year(the_year))
    return " ".join(words)


def counted(count: str, one: str, several: str) -> str:
    """Return a number of things: `one minute`."""
    return f"{number(count)} {one if count == '1' else several}"


def telephone(text: str) -> str:
    """Return a telephone number, digit by digit."""
    return digits(text)


CODE, GROUP, POINT, AND, DATES = "en", ",", ".", "and", "mdy"
DURATIONS = (("hour", "hours"), ("minute", "minutes"), ("second", "seconds"))
