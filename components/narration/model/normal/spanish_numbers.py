"""Numbers as Spanish words."""

from __future__ import annotations

from brume.narration.model.normal.readings import words

_SMALL = words(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve"
)
_TENS = words("- - - treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_HUNDREDS = words(
    "- ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
)
_MILLIONS = (("millón", "millones"), ("billón", "billones"), ("trillón", "trillones"))
_ORDINALS = words("- primero segundo tercero cuarto quinto sexto séptimo octavo noveno")
_ORDINAL_TENS = words(
    "- décimo vigésimo trigésimo cuadragésimo quincuagésimo sexagésimo septuagésimo octogésimo nonagésimo"
)
LARGEST = 10 ** (6 * (len(_MILLIONS) + 1)) - 1


def cardinal(number: int, *, feminine: bool = False, before_noun: bool = False) -> str:
    """Return `veintiuno` of 21, `veintiún` before a noun, `veintiuna`; digit by digit beyond `LARGEST`."""
    if number < 0:
        return "menos " + cardinal(-number, feminine=feminine, before_noun=before_noun)
    if number > LARGEST:
        return digits(str(number))
    if not number:
        return _SMALL[0]
    rest, last = divmod(number, 10**6)
    words = []
    if last:
        words = [_agreeing(_thousands(last), feminine, before_noun)]
    for singular, several in _MILLIONS:
        rest, group = divmod(rest, 10**6)
        if group:
            words.insert(0, f"un {singular}" if group == 1 else f"{_short(_thousands(group))} {several}")
    return " ".join(words)


def _agreeing(words: str, feminine: bool, before_noun: bool) -> str:
    if feminine:
        words = words.replace("ientos", "ientas")
        return words[:-1] + "a" if words.endswith("uno") else words
    return _short(words) if before_noun else words


def _short(words: str) -> str:
    if words.endswith("veintiuno"):
        return words[:-3] + "ún"
    return words[:-1] if words.endswith("uno") else words


def _thousands(number: int) -> str:
    thousands, rest = divmod(number, 1000)
    words = []
    if thousands:
        words.append("mil" if thousands == 1 else f"{_short(_hundreds(thousands))} mil")
    if rest:
        words.append(_hundreds(rest))
    return " ".join(words)


def _hundreds(number: int) -> str:
    if number == 100:
        return "cien"
    hundreds, rest = divmod(number, 100)
    words = [_HUNDREDS[hundreds]] if hundreds else []
    if rest >= 30:
        tens, ones = divmod(rest, 10)
        words.append(_TENS[tens] + (f" y {_SMALL[ones]}" if ones else ""))
    elif rest:
        words.append(_SMALL[rest])
    return " ".join(words)


def ordinal(number: int, *, feminine: bool = False) -> str:
    """Return `vigésimo primero` of 21; the cardinal from 100, as it is spoken."""
    if not 0 < number < 100:
        return cardinal(number, feminine=feminine)
    tens, ones = divmod(number, 10)
    words = " ".join(([_ORDINAL_TENS[tens]] if tens else []) + ([_ORDINALS[ones]] if ones else []))
    if feminine:
        return " ".join(word[:-1] + "a" for word in words.split())
    return words


def digits(text: str) -> str:
    """Return each digit as a word."""
    return " ".join(_SMALL[int(digit)] for digit in text if digit.isdecimal())


def decimal(text: str) -> str:
    """Return `tres coma catorce` of 3.14, written with a point and without grouping."""
    whole, _, part = text.partition(".")
    read = cardinal(int(whole)) if whole else "cero"
    if not part:
        return read
    return f"{read} coma {digits(part) if part[0] == '0' or len(part) > 2 else cardinal(int(part))}"
