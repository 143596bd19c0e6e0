"""Where a text names a procedure, a test or a measure, in which a condition's name is no condition."""

from __future__ import annotations

import functools
import re

from brume.records.model.nlp.phrases import expanded, pattern
from brume.records.model.nlp.words import lexicon

TAGS = ("(procedure)", "(regime/therapy)")
"""What SNOMED's names of procedures end with."""
_TAG = re.compile("|".join(re.escape(tag) for tag in TAGS), re.IGNORECASE)
_ITEM = re.compile(r"\s*(?:[-*•]|\d+[.)])\s")
_BEFORE = re.compile(r"[;:)]")
_BEFORE_IN_TEXT = re.compile(r"[;:),]")  # an item of a list is one name, which may have commas


@functools.cache
def _names() -> re.Pattern[str]:
    return pattern(one for phrase in lexicon()["procedures"] for one in expanded(phrase))


def places(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    """Return begin and end of each name of a procedure in a sentence of a text (`begin` to `end`)."""
    found = [match.span() for match in _names().finditer(text, begin, end)]
    before = _BEFORE if _ITEM.match(text, begin, end) else _BEFORE_IN_TEXT
    last = begin
    for tag in _TAG.finditer(text, begin, end):
        first = max((mark.end() for mark in before.finditer(text, last, tag.start())), default=last)
        found.append((first, tag.end()))
        last = tag.end()
    return found
