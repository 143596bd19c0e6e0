"""What is spoken in English for a number, a time, a date, a sum of money, once it is known what it is."""

from __future__ import annotations

from brume.narration.model.normal.english_numbers import cardinal, decimal, digits, ordinal, plural, year
from brume.narration.model.normal.english_tables import CURRENCIES, MONTHS, SYMBOLS, UNITS

_FRACTIONS = {2: "half", 4: "quarter"}
_NAMED = frozenset((*range(2, 11), 12, 16, 32, 64, 100, 1000))  # denominators that are ordinals
_LONGEST = 30  # digits of a number that is one
_RAISED = {"²": " squared", "³": " cubed"}


def number(text: str) -> str:
    """Return a number as words: `1,250`, `3.14`; one that begins with 0 digit by digit."""
    text = text.replace(",", "")
    if len(text) > 1 and text.isdecimal() and (text[0] == "0" or len(text) > _LONGEST):
        return digits(text)
    return decimal(text)


def letters(text: str) -> str:
    """Return each letter and digit, named."""
    names = (
        digits(char) if char.isdecimal() else char.upper() if char.isalpha() else SYMBOLS.get(char, "")
        for char in text
        if not char.isspace()
    )
    return " ".join(name for name in names if name)


def fraction(numerator: int, denominator: int) -> str:
    """Return `three quarters` of 3/4; `over` where the denominator has no name of its own, as in 120/80."""
    if not numerator or denominator not in _NAMED:
        return f"{cardinal(numerator)} over {cardinal(denominator)}"
    name = _FRACTIONS.get(denominator) or ordinal(denominator).removeprefix("one ")
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
    return "plus " * text.startswith("+") + digits(text)


def power(exponent: str) -> str:
    """Return what a raised number is: `squared`, `to the power of six`."""
    plain = {"2": "squared", "3": "cubed"}.get(exponent)
    return plain or f"to the power of {'minus ' * exponent.startswith('-')}{number(exponent.lstrip('-'))}"


def money(amount: str, currency: str) -> str:
    """Return a sum: `three dollars and fifty cents` of 3.50 and $."""
    one, several, hundredth, hundredths = CURRENCIES[currency]
    text = amount.replace(",", "")
    whole, _, part = text.partition(".")
    if not hundredth or len(part) not in (0, 2):
        return f"{number(text)} {one if text == '1' else several}"
    words = []
    if int(whole or "0") or not int(part or "0"):
        words.append(f"{cardinal(int(whole or '0'))} {one if int(whole or '0') == 1 else several}")
    if int(part or "0"):
        words.append(f"{cardinal(int(part))} {hundredth if int(part) == 1 else hundredths}")
    return " and ".join(words)


def is_unit(text: str) -> bool:
    """Return whether a text is a unit, or one for each of another: km, GB/s, m/s²."""
    above, _, below = text.partition("/")
    return text in UNITS or (above in UNITS and below.rstrip("²³") in UNITS)


def unit(text: str, count: str) -> str:
    """Return a unit after a number: `kilometers`, `gigabytes per second`."""
    several = count.lstrip("-+~") not in ("1", "1.0")
    if text in UNITS:
        return UNITS[text][several]
    above, _, below = text.partition("/")
    return f"{UNITS[above][several]} per {UNITS[below.rstrip('²³')][0]}{_RAISED.get(below[-1:], '')}"
