"""How English text is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brume.narration.model.boundaries import starters
from brume.narration.model.normal import english_figures as figures
from brume.narration.model.normal import readings
from brume.narration.model.normal.english_forms import (
    counted,
    date,
    fraction,
    is_unit,
    letters,
    number,
    telephone,
    time,
    unit,
)
from brume.narration.model.normal.english_numbers import cardinal, decimal, digits, ordinal
from brume.narration.model.normal.english_tables import (
    AMBIGUOUS_UNITS,
    CURRENCIES,
    DAYS,
    DEGREES,
    GREEK,
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
from brume.narration.model.normal.readings import LETTER
from brume.narration.model.normal.tokens import ADDRESS, Token, pause

__all__ = ["counted", "date", "decimal", "digits", "fraction", "letters", "ordinal", "telephone", "time"]
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_WORD = re.compile(rf"{LETTER}+(?:'{LETTER}+)*'?")
_ROMAN = re.compile(r"([IVXLC]+)('s)?")


def read(tokens: Sequence[Token], index: int) -> str:
    """Return how a token is read among its neighbours: words, or "" for what is not read."""
    text = tokens[index].text
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if shortened(tokens, index):
        return _abbreviation(text, before, after)
    if text.lower() in WORDS and not (text.isalpha() and text.isupper()):
        return WORDS[text.lower()]
    if words := _after_number(tokens, index):
        return words
    if _WORD.fullmatch(text):
        if after is not None and figures.code_before(tokens, index + 1):  # CHF 100
            return ""
        return _word(text, before, after)
    if ADDRESS.fullmatch(text):
        return readings.address(text, number, SYMBOLS, GROUP)
    if any(char.isdecimal() for char in text):
        return figures.read(tokens, index)
    if _INITIALS.fullmatch(text):
        return " ".join(text.upper().replace(".", " ").split())
    if is_unit(text):  # km/h
        return unit(text, "2")
    return _sign(tokens, index) or readings.mixed(text, number, SYMBOLS, GROUP)


def shortened(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the period after a token belongs to an abbreviation, and no sentence ends there."""
    token = tokens[index]
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if not token.closing.startswith("."):
        return False
    text = token.text
    capital = after is not None and (after.text[:1].isupper() or after.opening.strip() != "")
    begins = after is not None and after.text[:1].isupper() and after.text.lower() in starters(CODE)
    if text in TITLES or text in DAYS:
        return True
    if text == "c":  # c. 1500
        return after is not None and after.text.isdecimal()
    if text.lower() in ("no", "nos", "p", "pp", "fig", "figs", "vol", "ch", "sec", "eq"):
        return after is not None and after.text[:1].isdecimal()
    if text.lower() in MONTH_NUMBERS and len(text) <= 4 and text.lower() != "may":
        return True
    if text.lower() in PERIODS:
        return text.lower() in SENTENCES or text[:1].islower() or not capital
    if text.lower() in WORDS:
        return not capital
    if is_unit(text.lower()) and index and tokens[index - 1].number:  # 6 ft. tall
        return after is not None and not capital
    if _INITIALS.fullmatch(text):  # the U.S. Senate, but: in the U.S. The
        return not begins
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
    if text in DAYS:
        return DAYS[text]
    if text == "c":
        return "circa"
    if lower in ("no", "nos"):
        return "number" if lower == "no" else "numbers"
    if lower in MONTH_NUMBERS:
        return MONTHS[MONTH_NUMBERS[lower] - 1]
    if lower in UNITS and before is not None and before.number:
        return unit(lower, before.number)
    if lower in PERIODS:
        return PERIODS[lower]
    return WORDS.get(lower, text.upper().replace(".", " "))


def _after_number(tokens: Sequence[Token], index: int) -> str:
    """Return how a unit, a currency or a large number is read after a number; "" for what is none."""
    text, before = tokens[index].text, tokens[index - 1] if index else None
    if before is None or before.closing:
        return ""
    previous = before.text
    signed, some = figures.SIGNED.fullmatch(previous), figures.RANGE.fullmatch(previous)
    if text.lower() in LARGE_WORDS:
        found = figures.MONEY.fullmatch(previous)
        currency = found[2] if found else some[1] if some else None
        return f"{text} {CURRENCIES[currency.upper()][1]}" if currency else ""
    if text in DEGREES and previous[:1].isdecimal() and previous.endswith("°"):  # 21° C
        return DEGREES[text]
    if not signed and not (some and not some[1]):
        return ""
    count = previous if signed else "2"
    if is_unit(text) and text not in AMBIGUOUS_UNITS:
        return unit(text, count)
    if text in CURRENCIES and not figures.code_before(tokens, index + 1):
        return CURRENCIES[text][0 if count == "1" else 1]
    return ""


def _sign(tokens: Sequence[Token], index: int) -> str:
    """Return how a hyphen between two numbers is read; "" for another sign."""
    beside = [token.number for token in tokens[max(index - 1, 0) : index + 2]]
    if tokens[index].text != "-" or len(beside) < 3 or not (beside[0] and beside[2]):
        return ""
    return "minus" if "=" in [token.text for token in tokens[index + 2 : index + 3]] else "to"


def _word(text: str, before: Token | None, after: Token | None) -> str:
    previous = before.text if before is not None else ""
    if text == "A" and (before is None or pause(before.closing) in tuple(".?!:")):
        return "a"  # the article: a capital is a letter that is named
    if len(text) == 1 and text.lower() in GREEK:
        return GREEK[text.lower()]
    if text == "x" and before is not None and before.number and after is not None and after.number:
        return "by"  # 3 x 4
    if text.lower() in MONTH_NUMBERS and text[:1].isupper() and len(text) <= 4:  # 29 Feb 2024, Dec 25
        day = before is not None and before.number and not before.closing
        if day or (after is not None and after.number):
            return MONTHS[MONTH_NUMBERS[text.lower()] - 1]
    if text in TITLES and text not in ("Gen", "Rep", "Col", "Hon", "Fr", "Ft", "Lt"):  # Mr Smith
        return TITLES[text] if text not in STREETS or not previous[:1].isupper() else STREETS[text]
    lower = previous.lower()
    if (found := _ROMAN.fullmatch(text)) and (value := readings.roman(found[1])):
        own = found[2] or ""
        if previous[:1].isupper() and lower in ROMAN_CARDINAL:
            return cardinal(value) + own
        if previous[:1].isupper() and lower in ROMAN_ORDINAL and (len(found[1]) > 1 or found[1] in "VX"):
            return f"the {ordinal(value)}{own}"
        if len(text) > 1 and after is not None and after.text in ("century", "centuries"):
            return ordinal(value)
    return text


CODE, GROUP, POINT, AND, DATES = "en", ",", ".", "and", "mdy"
BEEP = "beep"  # in place of what is not said
DURATIONS = (("hour", "hours"), ("minute", "minutes"), ("second", "seconds"))
