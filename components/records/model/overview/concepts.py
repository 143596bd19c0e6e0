"""Find concepts of a lake by the beginnings of words, or by code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from brume.records.model.entity import CodeSystem
from brume.records.model.overview.neighbourhood import group_of
from brume.records.model.overview.tables import Code, Members, Overview

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Named:
    """A concept and its name; `group` is condition, drug, procedure or finding."""

    code: Code
    display: str
    group: str


def find(overview: Overview, among: Members, text: str) -> Iterator[Named]:
    """Yield the concepts that hold of some of `among` and whose name has words that begin as those of `text`.

    A code is found by its beginning. Names that begin with the text come first, short ones before long ones.
    """
    wanted, whole = _WORD.findall(text.lower()), text.strip().lower()
    found = []
    for code, relations in overview.having.items():
        display = overview.displays.get(code) or code[1]
        name = display.lower()
        words = _WORD.findall(name)
        by_name = bool(wanted) and all(any(word.startswith(one) for word in words) for one in wanted)
        if not by_name and not (whole and code[1].lower().startswith(whole)):
            continue
        if any(among[numbers].any() for numbers in relations.values()):
            group = "drug" if code[0] == CodeSystem.RXNORM else group_of(relations)
            found.append((not name.startswith(whole), len(name), name, Named(code, display, group)))
    for *_, one in sorted(found, key=lambda place: (place[:3], place[3].code)):
        yield one
