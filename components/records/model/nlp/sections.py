"""Sections and sentences of a note, with their places."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from itertools import pairwise

from brume.records.model.nlp.words import lexicon

_NAMES = {name: normal for normal, names in lexicon()["headings"].items() for name in names}
# A heading stands at the start of a line: in Markdown, before a colon, or alone in capitals.
_LINE = re.compile(r"(?m)^[ \t]*(?:(#{1,6})[ \t]*)?([A-Za-z][A-Za-z /&.'-]{0,45}?)[ \t]*(?:(:)|(?=\r?$))")
# One in capitals inside a line, before a colon: dictated notes come as one line.
_INLINE = re.compile(r"(?<=[.;,] )([A-Z][A-Z /&-]{1,45}):")
_SPACES = re.compile(r"[ /&.'-]+")
# What ends a sentence: a sign before something that begins one, an empty line, a list's item.
_END = re.compile(
    r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z0-9\"(\[#*-])|;\s"
    r"|\r?\n[ \t]*(?:\r?\n|(?=[-*•#]|\d+[.)] |[A-Z][A-Za-z /]{0,40}:))"
)
_SHORTENED = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|St|vs|approx|Jr|Sr|Prof|Inc|e\.g|i\.e|[A-Z]))\.$")


@dataclass(frozen=True)
class Section:
    """A part of a note under a heading: the heading's normal name, "" before the first."""

    name: str
    begin: int
    end: int


class Sections:
    """The sections of a note, in their order."""

    def __init__(self, text: str) -> None:
        found = [(0, 0, "")]
        for match in _LINE.finditer(text):
            name = _normal(match[2])
            known = name in _NAMES
            if known and (match[1] or match[3] or match[2].isupper() or match[2].istitle()):
                found.append((match.start(2), match.end(), _NAMES[name]))
            elif match[1] or (match[3] and match[2].isupper() and len(name) > 3):
                found.append((match.start(2), match.end(), name))
        for match in _INLINE.finditer(text):
            if (name := _normal(match[1])) in _NAMES:
                found.append((match.start(1), match.end(), _NAMES[name]))
        found.sort()
        self._begins = [begin for begin, _, _ in found]
        self.headings = [(begin, end) for begin, end, name in found if end > begin]
        ends = [*self._begins[1:], len(text)]
        self.all = [Section(name, begin, end) for (begin, _, name), end in zip(found, ends, strict=True)]

    def at(self, place: int) -> Section:
        """Return the section in which a place lies."""
        return self.all[bisect.bisect_right(self._begins, place) - 1]


def _normal(heading: str) -> str:
    return _SPACES.sub(" ", heading.lower()).replace(" and ", " and ").strip()


def sentences(text: str, sections: Sections) -> list[tuple[int, int]]:
    """Return the sentences of a text: begin and end of each; none goes past a section's heading."""
    cuts = {0, len(text)}
    for match in _END.finditer(text):
        before = text[max(0, match.start() - 8) : match.start()]
        numbered = before.endswith(" No.") and text[match.end() : match.end() + 1].isdigit()
        if not numbered and not (before.endswith(".") and _SHORTENED.search(before)):
            cuts.add(match.end())
    for begin, end in sections.headings:
        cuts |= {begin, end}
    order = sorted(cuts)
    return [(begin, end) for begin, end in pairwise(order) if text[begin:end].strip()]
