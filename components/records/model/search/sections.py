"""Parts of a note that are embedded or shown: whole sentences, of up to so many tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from brume.records.model.nlp.sections import Sections
from brume.records.model.nlp.sections import sentences as split

SECTION_WORDS = 110  # MiniLM reads 256 pieces of words, of which a clinical word has about two
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Span:
    """A part of a text by its code points; `heading` is that of the section it lies in."""

    begin: int
    end: int
    heading: str = ""

    def of(self, text: str) -> str:
        """Return the part of the text."""
        return text[self.begin : self.end]


def count_tokens(text: str) -> int:
    """Return the number of words and marks of a text."""
    return sum(1 for _ in _TOKEN.finditer(text))


def sentences(text: str) -> list[Span]:
    """Return the sentences of a text, without its headings and marks that stand alone."""
    sections = Sections(text)
    headings = set(sections.headings)
    found = []
    for begin, end in split(text, sections):
        part = text[begin:end]
        begin, last = begin + len(part) - len(part.lstrip()), begin + len(part.rstrip())
        if (begin, end) not in headings and any(map(str.isalnum, text[begin:last])):
            found.append(Span(begin, last, sections.at(begin).name))
    return found


def windows(text: str, tokens: int) -> list[Span]:
    """Return the text in parts of whole sentences of one section, each of up to so many tokens.

    A sentence that is longer is cut between words.
    """
    found: list[Span] = []
    used = 0
    for sentence in sentences(text):
        for piece in _cut(text, sentence, tokens):
            count = count_tokens(piece.of(text))
            last = found[-1] if found else None
            if last is not None and last.heading == piece.heading and used + count <= tokens:
                found[-1] = Span(last.begin, piece.end, last.heading)
                used += count
            else:
                found.append(piece)
                used = count
    return found


def _cut(text: str, span: Span, tokens: int) -> list[Span]:
    matches = list(_TOKEN.finditer(text, span.begin, span.end))
    return [
        Span(part[0].start(), part[-1].end(), span.heading)
        for start in range(0, len(matches), tokens)
        if (part := matches[start : start + tokens])
    ]
