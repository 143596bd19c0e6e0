"""Find concepts of a lake by the beginnings of words, by what lay people say, or by code."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from brume.records.model.entity import CodeSystem
from brume.records.model.overview.neighbourhood import group_of
from brume.records.model.overview.tables import Code, Members, Overview
from brume.records.model.search.thesaurus import Thesaurus, lay_variants

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Named:
    """A concept and its name; `group` is condition, drug, procedure or finding."""

    code: Code
    display: str
    group: str


def find(overview: Overview, among: Members, text: str) -> Iterator[Named]:
    """Yield the concepts that hold of some of `among` and whose name has words that begin as those of `text`.

    Clinical terms for what lay people say are looked for too. A code is found by its beginning. Names that
    begin with the text come first, then others that have its words, then those in other words; of each the
    short ones first.
    """
    whole = text.strip().lower()
    forms = [_WORD.findall(one.lower()) for one in (text, *(each.query for each in _lay().expand(text)))]
    found = []
    for code, relations in overview.having.items():
        display = overview.displays.get(code) or code[1]
        name = display.lower()
        form = _first_that_fits(forms, _WORD.findall(name))
        if form is None and not (whole and code[1].lower().startswith(whole)):
            continue
        if any(among[numbers].any() for numbers in relations.values()):
            group = "drug" if code[0] == CodeSystem.RXNORM else group_of(relations)
            place = (not name.startswith(whole), form or 0, len(name), name, code)
            found.append((place, Named(code, display, group)))
    for _, one in sorted(found, key=lambda each: each[0]):
        yield one


def _first_that_fits(forms: Sequence[Sequence[str]], words: Sequence[str]) -> int | None:
    """Return the place of the first form all of whose words are beginnings of some words."""
    for place, form in enumerate(forms):
        if form and all(any(word.startswith(one) for word in words) for one in form):
            return place
    return None


@functools.cache
def _lay() -> Thesaurus:
    return Thesaurus(lay_variants())
