"""How Spanish words with digits are read: what they are, by their form and their neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brume.narration.model.normal import readings
from brume.narration.model.normal.groups import in_telephone
from brume.narration.model.normal.readings import LETTER
from brume.narration.model.normal.spanish_forms import (
    date,
    fraction,
    is_unit,
    letters,
    money,
    number,
    of_currency,
    plain,
    telephone,
    time,
    unit,
)
from brume.narration.model.normal.spanish_numbers import cardinal, ordinal
from brume.narration.model.normal.spanish_tables import (
    CURRENCIES,
    DEGREES,
    FEMININE,
    FEMININE_ENDINGS,
    FEMININE_UNITS,
    LARGE_WORDS,
    MASCULINE,
    MONTH_NUMBERS,
    NO_NOUNS,
    PHONES,
    SYMBOLS,
)
from brume.narration.model.normal.tokens import Token

_NUMBER = (
    r"\d{1,3}(?:\.\d{3}){1,9}(?:,\d{1,60})?|[1-9]\d{0,2}(?:,\d{3}){1,9}(?:\.\d{1,60})?"
    r"|\d{1,30}(?:[,.]\d{1,60})?"
)
_WORD = re.compile(rf"{LETTER}+(?:'{LETTER}+)*'?")
SIGNED = re.compile(rf"([-+±~#]?)({_NUMBER})")
MONEY = re.compile(rf"(-?)(?:(US\$|[$€£¥])(-?)({_NUMBER})|({_NUMBER})([€£$]))", re.IGNORECASE)
_WITH_UNIT = re.compile(rf"([-+±~]?)({_NUMBER})([^\W\d_]+(?:/[^\W\d_]+)?[²³]?|%|‰|°[CF]?|º[CF])")
_TIME = re.compile(r"(\d{1,2})[:.h](\d{2})(?::(\d{2}))?h?")
_RATIO = re.compile(r"(\d{1,4}):(\d{1,4})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DATE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})")
_MONTH = re.compile(r"(\d{1,2})/(\d{4})")
_ORDINAL = re.compile(
    r"(\d{1,15})\.?(er|[ºª°]|[oa]s?|er[oa]s?|d[oa]s?|r[oa]s?|t[oa]s?|m[oa]s?|v[oa]s?|n[oa]s?)"
)
_DECADE = re.compile(r"'?(\d0)s")
RANGE = re.compile(rf"({_NUMBER})[-–]({_NUMBER})(%?)")
_FRACTION = re.compile(r"(\d{1,9})/(\d{1,9})")
_MIXED = re.compile(r"(\d{1,9})([¼-¾⅐-⅞])")
_BY = re.compile(r"(\d{1,6})x(\d{1,6})")
_VERSION = re.compile(r"(v?)(\d{1,9}(?:\.\d{1,9})*)")
_PHONE = re.compile(r"\+\d{6,}|\d{3}-\d{3}-\d{3,4}|[69]\d{8}")
_SIGNS = {"": "", "-": "menos ", "+": "más ", "±": "más menos ", "~": "unos ", "#": "número "}
_NATIONAL = ((3, 3, 3), (2, 3, 2, 2), (3, 2, 2, 2))  # digits of the groups of a number of Spain
_HOURS = ("h", "hs", "hora", "horas")


def read(tokens: Sequence[Token], index: int) -> str:
    """Return how a token with digits is read among its neighbours."""
    text = tokens[index].text
    before = tokens[index - 1] if index else None
    previous = before.text.lower() if before is not None else ""
    following = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if in_telephone(tokens, index, lambda first, last: _national(tokens, first, last)):
        return telephone(text)
    if found := MONEY.fullmatch(text):
        return _money(found, following)
    if (found := _TIME.fullmatch(text)) and (
        ":" in text or "h" in text or previous in ("las", "la") or following.lower() in _HOURS[:2]
    ):
        hour, minute, second = (int(part) for part in (found[1], found[2], found[3] or "0"))
        if hour <= 24 and minute < 60 and second < 60:
            return time(hour, minute, second if found[3] else None, "", True)
    if (found := _ORDINAL.fullmatch(text)) and not (found[2] in ("°", "º") and following in DEGREES):
        words = ordinal(int(found[1]), feminine=found[2][-1] == "ª" or found[2].rstrip("s")[-1] == "a")
        return words[:-1] if found[2] == "er" else words + "s" * found[2].endswith("s")
    whole = before is not None and before.text.isdecimal() and not before.closing
    if whole and (found := _FRACTION.fullmatch(text)) and int(found[1]) < int(found[2]) <= 100:  # 2 1/2
        return f"y {_half(following) if text == '1/2' else fraction(int(found[1]), int(found[2]))}"
    if text in ("1/2", "½") and _is_noun(following):  # 1/2 kilo
        return _half(following)
    if _PHONE.fullmatch(text) and not text.endswith("000"):
        return telephone(text)
    if found := SIGNED.fullmatch(text):
        if currency_before(tokens, index):
            return _SIGNS[found[1]] + money(found[2], tokens[index - 1].text.upper())
        return _SIGNS[found[1]] + _counted(found[2], tokens, index)
    return _alone(text, following)


def _alone(text: str, following: str) -> str:
    """Return how a text with digits is read by itself, before a word."""
    if words := _day(text):
        return words
    if found := _RATIO.fullmatch(text):
        return f"{number(found[1])} a {number(found[2])}"
    if found := _DECADE.fullmatch(text):
        return cardinal(int(found[1]))
    if _PHONE.fullmatch(text):
        return telephone(text)
    if found := RANGE.fullmatch(text):
        feminine = is_feminine(following)
        words = f"{number(found[1], feminine=feminine)} a {number(found[2], feminine=feminine)}"
        return f"{words}{' por ciento' if found[3] else ''}"
    if found := _FRACTION.fullmatch(text):
        return fraction(int(found[1]), int(found[2]))
    if found := _MIXED.fullmatch(text):
        return f"{number(found[1])} y {_half(following) if found[2] == '½' else SYMBOLS[found[2]]}"
    if found := _BY.fullmatch(text):
        return f"{number(found[1])} por {number(found[2])}"
    if (found := _VERSION.fullmatch(text)) and (found[1] or found[2].count(".") > 1):
        return "versión " * bool(found[1]) + " punto ".join(number(part) for part in found[2].split("."))
    if found := _WITH_UNIT.fullmatch(text):
        name = found[3].replace("º", "°")
        if is_unit(name):
            words = number(found[2], feminine=name in FEMININE_UNITS, before_noun=name not in ("%", "‰"))
            return f"{_SIGNS[found[1]]}{words} {unit(name, found[2])}"
    return _between(text) or named(readings.mixed(text, number, SYMBOLS, "."))


def _between(text: str) -> str:
    """Return how a range of times or of a unit is read: 9:00-17:00, 10-15km; "" for what is none."""
    first, _, last = text.replace("–", "-").partition("-")
    if (one := _TIME.fullmatch(first)) and (other := _TIME.fullmatch(last)):
        return " a ".join(time(int(at[1]), int(at[2]), None, "", True) for at in (one, other))
    found = _WITH_UNIT.fullmatch(last) if SIGNED.fullmatch(first) else None
    if found and is_unit(found[3].replace("º", "°")):
        return f"{number(first)} a {_alone(last, '')}"
    return ""


def _day(text: str) -> str:
    """Return how a date is read; "" for what is none."""
    if (found := _ISO_DATE.fullmatch(text)) and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31:
        return date(int(found[1]), int(found[2]), int(found[3]))
    if (found := _DATE.fullmatch(text)) and 1 <= int(found[2]) <= 12 and 1 <= int(found[1]) <= 31:
        year = int(found[3])
        if len(found[3]) == 2:
            year += 1900 if year > 40 else 2000
        return date(year, int(found[2]), int(found[1]))
    if (found := _MONTH.fullmatch(text)) and 1 <= int(found[1]) <= 12:
        return date(int(found[2]), int(found[1]), None)
    return ""


def _half(noun: str) -> str:
    return "media" if is_feminine(noun) else "medio"


def _is_noun(word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and word.lower() not in NO_NOUNS


def named(words: str) -> str:
    """Return words, of which those in capitals that cannot be spoken are spelled, and letters are named."""
    return " ".join(letters(word) if spelled(word) else word for word in words.split())


_VOWELS = re.compile("[AEIOUÁÉÍÓÚÜY]")
_HARD = re.compile(
    "[^AEIOUÁÉÍÓÚÜY]{3}|^[^AEIOUÁÉÍÓÚÜYBCDFGPT][^AEIOUÁÉÍÓÚÜY]|[^AEIOUÁÉÍÓÚÜYDLNRSZ]$|[^AEIOUÁÉÍÓÚÜY]{2}$"
)
_READ = frozenset(readings.words("RAM ROM SIM UNAM TIC NIF CIF PIB TAC PAC GIF BIC INEM MIT"))


def spelled(word: str) -> bool:
    """Return whether a word is read by its letters."""
    if not _VOWELS.search(word.upper()):
        return word.isalpha()
    if len(word) < 2 or word in _READ:
        return False
    return word.isupper() and (_HARD.search(word) is not None or len(word) == 2)


def _national(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Return whether groups of digits are a telephone number of Spain, and no number of things."""
    groups = tokens[first : last + 1]
    sizes = tuple(len(token.text) for token in groups if token.text.isdecimal())
    if len(sizes) != len(groups) or sizes not in _NATIONAL or groups[0].text[0] not in "6789":
        return False
    if sizes != (3, 3, 3) or groups[-1].closing:
        return True
    return last + 1 == len(tokens) or (first > 0 and tokens[first - 1].text.lower() in PHONES)


def currency_before(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the currency of a number stands before it: € 20, but not 5 €."""
    if (
        not 0 < index < len(tokens)
        or tokens[index - 1].text.upper() not in CURRENCIES
        or tokens[index - 1].closing
    ):
        return False
    number_before = index > 1 and not tokens[index - 2].closing and SIGNED.fullmatch(tokens[index - 2].text)
    return bool(SIGNED.fullmatch(tokens[index].text)) and not number_before


def is_feminine(noun: str) -> bool:
    """Return whether a noun is feminine, as far as its ending says so."""
    noun = noun.lower()
    return noun in FEMININE or (noun.endswith(FEMININE_ENDINGS) and noun not in MASCULINE)


def _counted(text: str, tokens: Sequence[Token], index: int) -> str:
    """Return a number among its neighbours: `veintiuna` before a feminine noun."""
    after = tokens[index + 1] if index + 1 < len(tokens) and not tokens[index].closing else None
    following = after.text if after is not None else ""
    noun, previous = following.lower(), tokens[index - 1].text.lower() if index else ""
    if "." in plain(text):
        return number(text)
    if text == "1" and noun == "de":
        month = index + 2 < len(tokens) and tokens[index + 2].text.lower() in MONTH_NUMBERS
        return "primero" if month else "uno"
    if following in ("€", "£", "$"):
        one, several, _ = CURRENCIES[following]
        return of_currency(plain(text), one, several).rpartition(" ")[0]
    if is_unit(following):
        return number(text, feminine=following in FEMININE_UNITS, before_noun=following not in ("%", "‰"))
    if noun == "mil" or noun in LARGE_WORDS:
        return number(text, before_noun=True)
    word = _is_noun(noun) and previous != "día"
    return number(text, feminine=word and is_feminine(noun), before_noun=word)


def _money(found: re.Match[str], following: str) -> str:
    currency, amount = (found[2], found[4]) if found[2] else (found[6], found[5])
    minus = "menos " if found[1] or found[3] else ""
    if following.lower() in LARGE_WORDS:
        return minus + number(amount, before_noun=True)
    return minus + money(amount, currency.upper())
