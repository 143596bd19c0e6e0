"""How Spanish text is read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brume.narration.model.normal import readings
from brume.narration.model.normal import spanish_numbers as numbers
from brume.narration.model.normal.readings import words
from brume.narration.model.normal.spanish_numbers import cardinal, decimal, digits, ordinal
from brume.narration.model.normal.spanish_tables import (
    CURRENCIES,
    FEMININE_UNITS,
    LARGE_WORDS,
    LETTERS,
    MASCULINE,
    MONTHS,
    PERIODS,
    ROMAN_CARDINAL,
    ROMAN_ORDINAL,
    SENTENCES,
    SYMBOLS,
    UNITS,
    WORDS,
)
from brume.narration.model.normal.tokens import ADDRESS, Token

CODE, GROUP, POINT, AND, DATES = "es", ".", ",", "y", "dmy"
DURATIONS = (("hora", "horas"), ("minuto", "minutos"), ("segundo", "segundos"))
_NUMBER = (
    r"\d{1,3}(?:\.\d{3}){1,9}(?:,\d{1,60})?|[1-9]\d{0,2}(?:,\d{3}){1,9}(?:\.\d{1,60})?"
    r"|\d{1,30}(?:[,.]\d{1,60})?"
)
_SIGNED = re.compile(rf"([-+±~]?)({_NUMBER})")
_MONEY = re.compile(rf"(-?)(?:(US\$|[$€£¥])({_NUMBER})|({_NUMBER})([€£$]))", re.IGNORECASE)
_WITH_UNIT = re.compile(rf"([-+±~]?)({_NUMBER})([^\W\d_]+(?:/[hs])?[²³]?|%|°[CF]?|º[CF])")
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})(?::(\d{2}))?h?")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DATE = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})")
_ORDINAL = re.compile(r"(\d{1,15})\.?(er|[ºª°]|[oa]s?)")
_DECADE = re.compile(r"'?(\d0)s")
_RANGE = re.compile(rf"({_NUMBER})[-–]({_NUMBER})(%?)")
_FRACTION = re.compile(r"(\d{1,9})/(\d{1,9})")
_MANY_POINTS = re.compile(r"v?\d+(?:\.\d+){2,}")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?")
_PHONE = re.compile(r"\+\d{6,}|\d{3}-\d{3}-\d{3,4}|[69]\d{8}")
_VOWELS = re.compile("[AEIOUÁÉÍÓÚÜY]")
_HARD = re.compile(
    "[^AEIOUÁÉÍÓÚÜY]{3}|^[^AEIOUÁÉÍÓÚÜYBCDFGPT][^AEIOUÁÉÍÓÚÜY]|[^AEIOUÁÉÍÓÚÜYDLNRSZ]$|[^AEIOUÁÉÍÓÚÜY]{2}$"
)
_FRACTIONS = {2: ("medio", "medios"), 3: ("tercio", "tercios")}
_LONGEST = 30  # digits of a number that is one
_TENTHS = {11: "onceavo", 12: "doceavo", 20: "veinteavo", 100: "centésimo", 1000: "milésimo"}
_SIGNS = {"": "", "-": "menos ", "+": "más ", "±": "más menos ", "~": "unos "}
_NO_NOUNS = frozenset(words("de y o u a en por para con que del al menos más millones millón mil"))


def read(tokens: Sequence[Token], index: int) -> str:
    """Return how a token is read among its neighbours: words, or "" for what is not read."""
    text = tokens[index].text
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    lower = text.lower()
    if lower in WORDS:
        return WORDS[lower]
    if half := _half_of_day(tokens, index):
        return half if lower in ("a", "p") else ""
    if shortened(tokens, index):
        previous = before.text if before is not None else ""
        if lower in UNITS and _SIGNED.fullmatch(previous):
            return _unit(lower, previous)
        if lower == "p" and (after is None or after.text.lower() != "ej"):
            return "página"
        if lower == "d" or lower not in PERIODS:
            return "don" if lower == "d" else letters(text)
        return PERIODS[lower]
    if _WORD.fullmatch(text):
        return _word(text, before)
    if ADDRESS.fullmatch(text):
        return readings.address(text, number, SYMBOLS)
    if any(char.isdecimal() for char in text):
        return _figures(text, before, after)
    if _INITIALS.fullmatch(text):
        return letters(text.replace(".", ""))
    return _named(readings.mixed(text, number, SYMBOLS))


def _half_of_day(tokens: Sequence[Token], index: int) -> str:
    """Return how the letters of a. m. and p. m. are read together, for each of them."""
    first = index - 1 if tokens[index].text.lower() == "m" else index
    pair = tokens[max(first, 0) : first + 2]
    found = " ".join(token.text.lower() + token.closing[:1] for token in pair)
    return {"a. m.": WORDS["a.m"], "p. m.": WORDS["p.m"]}.get(found, "")


def shortened(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the period after a token belongs to an abbreviation, and no sentence ends there."""
    token = tokens[index]
    if not token.closing.startswith("."):
        return False
    lower = token.text.lower()
    if _half_of_day(tokens, index):
        return True
    if lower in PERIODS or lower in WORDS:
        return lower != "p" or index + 1 < len(tokens)
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if lower in ("d", "n"):
        return after is not None and after.text[:1].isupper()
    return len(lower) == 1 and token.text.isupper() and after is not None and after.text[:1].isupper()


def ends_sentence(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a sentence may end after a token with . ? or ! behind it."""
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is None:
        return True
    if shortened(tokens, index):
        return tokens[index].text.lower() in SENTENCES and after.text[:1].isupper()
    return not after.text[:1].islower()


def _word(text: str, before: Token | None) -> str:
    previous = before.text if before is not None else ""
    if before is not None and not before.closing and _SIGNED.fullmatch(previous):
        if text in UNITS:
            return _unit(text, previous)
        if text in CURRENCIES:
            return CURRENCIES[text][previous != "1"]
    if (found := _MONEY.fullmatch(previous)) and text.lower() in LARGE_WORDS:
        return f"{text} de {CURRENCIES[(found[2] or found[5]).upper()][1]}"
    if (value := readings.roman(text)) and (len(text) > 1 or text in "IVX"):
        if previous.lower() in ROMAN_CARDINAL:
            return cardinal(value)
        if previous[:1].isupper() and previous.lower() in ROMAN_ORDINAL:
            feminine = previous.lower() in ("isabel", "reina")
            return ordinal(value, feminine=feminine) if value <= 10 else cardinal(value)
    return _named(text)


def _named(words: str) -> str:
    """Return words, of which those in capitals that cannot be spoken are spelled."""
    return " ".join(letters(word) if len(word) > 1 and _spelled(word) else word for word in words.split())


def _spelled(word: str) -> bool:
    if not _VOWELS.search(word.upper()):
        return word.isalpha()
    return word.isupper() and (_HARD.search(word) is not None or len(word) == 2)


def _figures(text: str, before: Token | None, after: Token | None) -> str:
    """Return how a token with digits is read."""
    following = after.text if after is not None else ""
    previous = before.text.lower() if before is not None else ""
    if found := _MONEY.fullmatch(text):
        return _money(found, following)
    if (found := _TIME.fullmatch(text)) and (":" in text or previous in ("las", "la")):
        hour, minute, second = (int(part) for part in (found[1], found[2], found[3] or "0"))
        if hour <= 24 and minute < 60 and second < 60:
            return time(hour, minute, second if found[3] else None, "", True)
    if (found := _ISO_DATE.fullmatch(text)) and 1 <= int(found[2]) <= 12 and 1 <= int(found[3]) <= 31:
        return date(int(found[1]), int(found[2]), int(found[3]))
    if (found := _DATE.fullmatch(text)) and 1 <= int(found[2]) <= 12 and 1 <= int(found[1]) <= 31:
        year = int(found[3])
        if len(found[3]) == 2:
            year += 1900 if year > 40 else 2000
        return date(year, int(found[2]), int(found[1]))
    if found := _ORDINAL.fullmatch(text):
        words = ordinal(int(found[1]), feminine=found[2] in ("ª", "a", "as"))
        return words[:-1] if found[2] == "er" else words + "s" * found[2].endswith("s")
    if found := _DECADE.fullmatch(text):
        return cardinal(int(found[1]))
    if _PHONE.fullmatch(text):
        return telephone(text)
    if found := _RANGE.fullmatch(text):
        return f"{number(found[1])} a {number(found[2])}{' por ciento' if found[3] else ''}"
    if found := _FRACTION.fullmatch(text):
        return fraction(int(found[1]), int(found[2]))
    if _MANY_POINTS.fullmatch(text) and not _SIGNED.fullmatch(text):
        return ("versión " if text[0] == "v" else "") + " punto ".join(
            number(part) for part in text.lstrip("v").split(".")
        )
    if found := _SIGNED.fullmatch(text):
        return _SIGNS[found[1]] + _counted(found[2], previous, following)
    if (found := _WITH_UNIT.fullmatch(text)) and (unit := found[3].replace("º", "°")) in UNITS:
        words = number(found[2], feminine=unit in FEMININE_UNITS, before_noun=True)
        return f"{_SIGNS[found[1]]}{words} {_unit(unit, found[2])}"
    return _named(readings.mixed(text, number, SYMBOLS))


def _counted(text: str, previous: str, following: str) -> str:
    """Return a number among its neighbours: `veintiuna` before a feminine noun."""
    noun = following.lower()
    if not text.isdecimal():
        return number(text)
    if (text == "1" and noun == "de") or (previous == "día" and text == "1"):
        return "primero" if noun == "de" else "uno"
    if following in UNITS:
        return number(text, feminine=following in FEMININE_UNITS, before_noun=True)
    word = bool(_WORD.fullmatch(noun)) and noun not in _NO_NOUNS
    feminine = word and noun.endswith(("a", "as", "ción", "ciones", "dad", "dades")) and noun not in MASCULINE
    return number(text, feminine=feminine, before_noun=word or noun in LARGE_WORDS)


def _money(found: re.Match[str], following: str) -> str:
    unit, text = (found[2], found[3]) if found[2] else (found[5], found[4])
    one, several, hundredths = CURRENCIES[unit.upper()]
    minus = "menos " if found[1] else ""
    if following.lower() in LARGE_WORDS:
        return minus + number(text, before_noun=True)
    whole, _, part = _plain(text).partition(".")
    feminine = one == "libra"
    words = f"{cardinal(int(whole), feminine=feminine, before_noun=True)} {one if whole == '1' else several}"
    if len(part) == 2 and hundredths and int(part):
        words = (
            f"{words} con " if int(whole) else ""
        ) + f"{cardinal(int(part), before_noun=True)} {hundredths}"
    elif int(part or "0"):
        words = f"{number(text)} {several}"
    return minus + words


def _unit(unit: str, count: str) -> str:
    return UNITS[unit][count.lstrip("-+~") != "1"]


def _plain(text: str) -> str:
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
    text = _plain(text)
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


def time(hour: int, minute: int, second: int | None, half: str, named: bool) -> str:
    """Return a time of day; `half` is am, pm or ""."""
    words = [cardinal(hour, feminine=True)]
    if minute:
        words.append(f"y {cardinal(minute)}")
    if second:
        words.append(f"con {cardinal(second)} {'segundo' if second == 1 else 'segundos'}")
    if half:
        words.append("de la mañana" if half[0].lower() == "a" else "de la tarde")
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
