"""Where sentences end in plain text: at . ! ? and their kin, but not after an abbreviation.

An abbreviation that can also end a sentence ("Inc.", "a.m.", "U.S.") ends one before a word that begins
sentences far more often than it follows such an abbreviation.
"""

from __future__ import annotations

import re
from functools import cache

_END = re.compile(
    r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[」』）]*|\n[^\S\n]*(?=\n)|[।॥؟]+(?=\s|$)",
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“‘«¿¡—–-]+$")
_NEVER = {
    "en": "mr mrs ms dr prof gen col capt lt maj sgt rev hon sen rep gov pres messrs mt ft fig figs eq vol "
    "pp p ed eds vs cf e.g i.e approx dept univ jan feb apr jun jul aug sept oct nov dec viz no",
    "es": "sr sra sres srta dr dra d dña dn prof profa lic ing arq gral cnel tte av avda c pza núm n.º pág "
    "págs fig figs cap vol ed p.ej p aprox tel ej vs ud uds vd vds art ee",
}
_SOMETIMES = {
    "en": "inc ltd co corp jr sr st ave blvd etc al a.m p.m u.s u.k u.n ph.d d.c m.d b.a m.a",
    "es": "etc s.a s.l cía a.m p.m a.c d.c ee.uu",
}
_STARTERS = {
    "en": "the a an he she it we they i you this that these those in on at but and so if when what who why "
    "how there here his her its our their for from as after before then however my your no yes",
    "es": "el la los las un una unos unas él ella ellos yo tú esto eso este esta estos estas en y pero si "
    "cuando qué quién cómo por para con su sus no sí al de desde después antes sin se lo",
}
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")


def _words(table: dict[str, str], language: str) -> frozenset[str]:
    texts = [table[language]] if language in table else list(table.values())
    return frozenset(word for text in texts for word in text.split())


@cache
def starters(language: str) -> frozenset[str]:
    """Return words in small letters that begin a sentence far more often than they follow an abbreviation."""
    return _words(_STARTERS, language)


def ends(text: str, language: str) -> list[int]:
    """Return where each sentence ends: offsets behind its last mark, the last at the end of the text.

    `language` is ISO 639-1. An empty line ends a sentence too. What lies between two ends is a sentence, with
    the white space before it.
    """
    never, sometimes = _words(_NEVER, language), _words(_SOMETIMES, language)
    begun = starters(language)
    found = []
    for match in _END.finditer(text):
        if (
            match[0].startswith("\n")
            or match.end() == len(text)
            or _is_end(text, match, never, sometimes, begun)
        ):
            found.append(match.end())
    if not found or text[found[-1] :].strip():
        found.append(len(text))
    return found


def _is_end(
    text: str,
    match: re.Match[str],
    never: frozenset[str],
    sometimes: frozenset[str],
    starters: frozenset[str],
) -> bool:
    following = text[match.end() : match.end() + 80].lstrip(" \t\n\r\f\v\u00a0\"'“‘«([¿¡—–-")
    if following[:1].islower():  # "Really?" she asked; e.g. this
        return False
    if match[0] != ".":
        return True
    found = _WORD_BEFORE.search(text, max(0, match.start() - 40), match.start())
    before = found[0].casefold() if found else ""
    first = re.match(r"[^\W\d_]+(?:['’][^\W\d_]+)?", following)
    begins = first is not None and first[0].casefold() in starters
    if before == "no":  # No. 5, and the word
        return not following[:1].isdigit()
    if before in never:
        return False
    if before in sometimes:
        return begins
    if _INITIAL.fullmatch(before):  # J. Smith, "Plan B."
        return begins or before in ("i",)
    return True
