"""How Spanish text is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brume.narration.model.boundaries import starters
from brume.narration.model.normal import readings
from brume.narration.model.normal import spanish_figures as figures
from brume.narration.model.normal.readings import LETTER, words
from brume.narration.model.normal.spanish_forms import (
    counted,
    date,
    fraction,
    half_of_day,
    is_unit,
    letters,
    number,
    telephone,
    time,
    unit,
)
from brume.narration.model.normal.spanish_numbers import cardinal, decimal, digits, ordinal
from brume.narration.model.normal.spanish_tables import (
    CURRENCIES,
    DEGREES,
    GREEK,
    LARGE_CURRENCIES,
    LARGE_WORDS,
    PAIRS,
    PERIODS,
    ROMAN_CARDINAL,
    ROMAN_ORDINAL,
    SENTENCES,
    SHORT_MONTHS,
    SYMBOLS,
    UNITS,
    WORDS,
)
from brume.narration.model.normal.tokens import ADDRESS, Token

__all__ = ["counted", "date", "decimal", "digits", "fraction", "letters", "ordinal", "telephone", "time"]
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_WORD = re.compile(rf"{LETTER}+(?:'{LETTER}+)*'?")
_BEFORE_ORDINALS = frozenset(words("el la los las del al en de un una su este esta"))
_LIST = 12  # words of a list of numerals
_NO_ROMANS = frozenset(("XL", "CV", "CC", "CI", "LI", "LL"))  # which are other words by far more often


def read(tokens: Sequence[Token], index: int) -> str:
    """Return how a token is read among its neighbours: words, or "" for what is not read."""
    token = tokens[index]
    text, lower = token.text, token.text.lower()
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if (pair := _pair(tokens, index)) is not None:
        return pair
    if lower in ("a.m", "p.m") and (half := _half_after(lower, before)):
        return half
    if lower in WORDS:
        return WORDS[lower]
    if words := _after_number(tokens, index):
        return words
    if text in CURRENCIES and figures.currency_before(tokens, index + 1):  # € 20
        return ""
    if shortened(tokens, index):
        if lower == "no":
            return "número"
        if lower == "p" and (after is None or after.text.lower() != "ej"):
            return "página"
        if lower == "s" and after is not None and readings.roman(after.text):
            return "siglo"
        if lower in SHORT_MONTHS and lower not in PERIODS:
            day = "de " * (before is not None and before.text.isdecimal())
            year = " de" * (after is not None and after.text.isdecimal())
            return f"{day}{SHORT_MONTHS[lower]}{year}"
        if lower == "d" or lower not in PERIODS:
            return "don" if lower == "d" else letters(text)
        return PERIODS[lower]
    if _WORD.fullmatch(text):
        return _word(tokens, index)
    if ADDRESS.fullmatch(text):
        return readings.address(text, number, SYMBOLS, GROUP)
    if text == "½" or any(char.isdecimal() for char in text):
        return figures.read(tokens, index)
    if _INITIALS.fullmatch(text):
        return letters(text.replace(".", ""))
    return figures.named(readings.mixed(text, number, SYMBOLS, GROUP))


def _pair(tokens: Sequence[Token], index: int) -> str | None:
    """Return how a token of a pair such as EE. UU. is read, `Estados` and `Unidos`; None for another."""
    for first in (index, index - 1):
        pair = tokens[max(first, 0) : first + 2]
        if len(pair) < 2 or not all(token.closing.startswith(".") for token in pair):
            continue
        key = " ".join(token.text.lower() for token in pair)
        if key not in PAIRS:
            continue
        hour = tokens[first - 1] if first else None
        words = PAIRS[key] or _half_after(key.replace(" ", ""), hour) or WORDS[key.replace(" ", ".")]
        return words.rpartition(" ")[2 * (first < index)]
    return None


def shortened(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the period after a token belongs to an abbreviation, and no sentence ends there."""
    token = tokens[index]
    if not token.closing.startswith("."):
        return False
    lower = token.text.lower()
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if _pair(tokens, index) is not None:
        return after is None or not _begins(after)
    beside = [each for each in (tokens[index - 1] if index else None, after) if each is not None]
    if lower in ("no", "p") or lower in SHORT_MONTHS:
        near = beside[-1:] if lower in ("no", "p") else beside
        of = index > 1 and tokens[index - 1].text == "de" and tokens[index - 2].text.isdecimal()
        if of or any(each.text.isdecimal() for each in near):
            return True
    if lower == "s":
        return after is not None and readings.roman(after.text) > 0
    if lower in PERIODS or lower in WORDS:
        return lower != "p" or index + 1 < len(tokens)
    if lower in UNITS and index and figures.SIGNED.fullmatch(tokens[index - 1].text):
        return after is None or not after.text[:1].isupper()
    if lower in ("d", "n"):
        return after is not None and after.text[:1].isupper()
    return len(lower) == 1 and token.text.isupper() and after is not None and after.text[:1].isupper()


def _begins(token: Token) -> bool:
    """Return whether a token begins a sentence after an abbreviation."""
    return token.text[:1].isupper() and token.text.lower() in starters(CODE)


def ends_sentence(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a sentence may end after a token with . ? or ! behind it."""
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is None:
        return True
    if shortened(tokens, index):
        return tokens[index].text.lower() in SENTENCES and after.text[:1].isupper()
    return not after.text[:1].islower()


def _after_number(tokens: Sequence[Token], index: int) -> str:
    """Return how a unit, a currency or a large number is read after a number; "" for what is none."""
    text, before = tokens[index].text, tokens[index - 1] if index else None
    if before is None or before.closing:
        return ""
    previous = before.text
    if text.lower() in LARGE_WORDS and (found := figures.MONEY.fullmatch(previous)):
        return f"{text} de {CURRENCIES[(found[2] or found[6]).upper()][1]}"
    if text in DEGREES and previous[:1].isdecimal() and previous[-1] in "°º":  # 21° C
        return DEGREES[text]
    if not figures.SIGNED.fullmatch(previous):
        if figures.RANGE.fullmatch(previous) and is_unit(text):
            return unit(text, "2")
        return "horas" if text == "h" and ":" in previous else ""
    if is_unit(text):
        return unit(text, previous)
    if text in LARGE_CURRENCIES:
        return LARGE_CURRENCIES[text]
    if text in CURRENCIES and not figures.currency_before(tokens, index + 1):
        return CURRENCIES[text][previous != "1"]
    return ""


def _half_after(text: str, before: Token | None) -> str:
    """Return how AM or PM is read after an hour; "" for another word."""
    hour = re.match(r"\d{1,2}", before.text) if before is not None else None
    half = text.lower().replace(".", "")
    return half_of_day(half, int(hour[0])) if hour and half in ("am", "pm") else ""


def _roman(tokens: Sequence[Token], index: int) -> str:
    """Return how a Roman numeral is read among its neighbours; "" for what is none."""
    text = tokens[index].text
    value = readings.roman(text)
    if not value:
        return ""
    previous = tokens[index - 1].text if index else ""
    first = index - 1  # in front of all of: siglos XVIII, XIX y XX
    while first > max(index - _LIST, 0) and (
        readings.roman(tokens[first].text) or tokens[first].text in ("y", "o", "a", "al")
    ):
        first -= 1
    following = tokens[index + 1].text if index + 1 < len(tokens) and not tokens[index].closing else ""
    if len(text) > 1 or text in "IVX":
        if index and tokens[first].text.lower() in ROMAN_CARDINAL:
            return cardinal(value)
        if previous == "s" and tokens[index - 1].closing == ".":
            return cardinal(value)
        if previous[:1].isupper() and previous.lower() in ROMAN_ORDINAL:
            feminine = previous.lower() in ("isabel", "reina")
            return ordinal(value, feminine=feminine) if value <= 10 else cardinal(value)
    noun = following if following.isalpha() and following not in ("y", "o", "a", "e") else ""
    if noun and ((len(text) > 1 and text not in _NO_ROMANS) or (noun[:1].isupper() and text in "IVX")):
        if previous and previous.lower() not in _BEFORE_ORDINALS:
            return ""
        words = ordinal(value, feminine=figures.is_feminine(noun))
        return words[:-1] if words.endswith(("primero", "tercero")) else words
    return ""


def _word(tokens: Sequence[Token], index: int) -> str:
    text = tokens[index].text
    before = tokens[index - 1] if index else None
    if half := _half_after(text, before):
        return half
    if roman := _roman(tokens, index):
        return roman
    if len(text) == 1 and text.lower() in GREEK:
        return GREEK[text.lower()]
    following = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if text in ("Sr", "Sra", "Srta", "Dr", "Dra") and following[:1].isupper():
        return PERIODS[text.lower()]
    return figures.named(text)


CODE, GROUP, POINT, AND, DATES = "es", ".", ",", "y", "dmy"
BEEP = "pip"  # in place of what is not said
DURATIONS = (("hora", "horas"), ("minuto", "minutos"), ("segundo", "segundos"))
