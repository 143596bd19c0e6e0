"""What is spoken in Spanish for a number, a time, a date, a sum of money, once it is known what it is."""

from __future__ import annotations

import re

from brume.narration.model.normal import spanish_numbers as numbers
from brume.narration.model.normal.spanish_numbers import cardinal, decimal, digits
from brume.narration.model.normal.spanish_tables import CURRENCIES, LETTERS, MONTHS, SYMBOLS, UNITS

_FRACTIONS = {2: ("medio", "medios"), 3: ("tercio", "tercios")}
_TENTHS = {11: "onceavo", 12: "doceavo", 20: "veinteavo", 100: "centésimo", 1000: "milésimo"}
_LONGEST = 30  # digits of a number that is one
_RAISED = {"²": " al cuadrado", "³": " al cubo"}
_EVENING = range(8, 12)


def plain(text: str) -> str:
    """Return a number without grouping and with a point.

    A point or a comma before three digits groups: 1.520 in Spain is 1,520 in Mexico.
    """
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?", text):
        return text.replace(",", "")
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d+)?", text):
        text = text.replace(".", "")
    return text.replace(",", ".")


def number(text: str, *, feminine: bool = False, before_noun: bool = False) -> str:
    """Return a number as words: `1.250`, `3,14`; one that begins with 0 digit by digit."""
    text = plain(text)
    if len(text) > 1 and text.isdecimal() and (text[0] == "0" or len(text) > _LONGEST):
        return digits(text)
    if text.isdecimal():
        return cardinal(int(text), feminine=feminine, before_noun=before_noun)
    return decimal(text)


def letters(text: str) -> str:
    """Return each letter and digit, named."""
    names = []
    for char in text:
        if char.isdecimal():
            names.append(digits(char))
        elif char.isalpha():
            names.append(LETTERS.get(char.lower(), char))
        elif not char.isspace():
            names.append(SYMBOLS.get(char, ""))
    return " ".join(name.replace("-", " ") for name in names if name)


def fraction(numerator: int, denominator: int) -> str:
    """Return `tres cuartos` of 3/4; `entre` where there is no name."""
    if denominator in _FRACTIONS:
        one, several = _FRACTIONS[denominator]
    elif 4 <= denominator <= 10 or denominator in _TENTHS:
        one = _TENTHS.get(denominator) or numbers.ordinal(denominator)
        several = one + "s"
    else:
        return f"{cardinal(numerator)} entre {cardinal(denominator)}"
    return f"{cardinal(numerator, before_noun=True)} {one if numerator == 1 else several}"


def half_of_day(half: str, hour: int) -> str:
    """Return which part of the day am or pm is at an hour."""
    if half[0].lower() == "a":
        return "de la mañana"
    if hour == 12:
        return "del mediodía"
    return "de la noche" if hour in _EVENING else "de la tarde"


def time(hour: int, minute: int, second: int | None, half: str, named: bool) -> str:
    """Return a time of day; `half` is am, pm or ""."""
    words = [cardinal(hour, feminine=True)]
    if minute:
        words.append(f"y {cardinal(minute)}")
    if second:
        words.append(f"con {cardinal(second)} {'segundo' if second == 1 else 'segundos'}")
    if half:
        words.append(half_of_day(half, hour))
    return " ".join(words)


def date(the_year: int | None, month: int | None, day: int | None) -> str:
    """Return a date, parts of which may be absent: `cinco de enero de dos mil veinte`."""
    words = [] if day is None else ["primero" if day == 1 else cardinal(day)]
    if month is not None:
        words.append(MONTHS[month - 1])
    if the_year is not None:
        words.append(cardinal(the_year))
    return " de ".join(words)


def counted(count: str, one: str, several: str) -> str:
    """Return a number of things: `una hora`."""
    words = number(count, feminine=one.endswith("a"), before_noun=True)
    return f"{words} {one if count == '1' else several}"


def telephone(text: str) -> str:
    """Return a telephone number, digit by digit."""
    return ("más " if text.lstrip().startswith("+") else "") + digits(text)


def money(amount: str, currency: str) -> str:
    """Return a sum: `tres dólares con cincuenta centavos` of 3.50 and $."""
    one, several, hundredths = CURRENCIES[currency]
    whole, _, part = plain(amount).partition(".")
    if len(part) == 2 and hundredths and int(part):
        cents = f"{cardinal(int(part), before_noun=True)} {hundredths}"
        return f"{of_currency(whole, one, several)} con {cents}" if int(whole) else cents
    if int(part or "0"):
        return f"{number(amount)} {several}"
    return of_currency(whole, one, several)


def of_currency(whole: str, one: str, several: str) -> str:
    """Return a whole sum: `veintiún euros`, `una libra`, `un millón de euros`."""
    words = cardinal(int(whole), feminine=one.endswith("a"), before_noun=True)
    of = "de " if re.search(r"ill(ón|ones)$", words) else ""
    return f"{words} {of}{one if whole == '1' else several}"


def is_unit(text: str) -> bool:
    """Return whether a text is a unit, or one for each of another: km, GB/s, m/s²."""
    above, _, below = text.partition("/")
    return text in UNITS or (above in UNITS and below.rstrip("²³") in UNITS)


def unit(text: str, count: str) -> str:
    """Return a unit after a number: `kilómetros`, `gigabytes por segundo`."""
    several = count.lstrip("-+~") != "1"
    if text in UNITS:
        return UNITS[text][several]
    above, _, below = text.partition("/")
    return f"{UNITS[above][several]} por {UNITS[below.rstrip('²³')][0]}{_RAISED.get(below[-1:], '')}"
