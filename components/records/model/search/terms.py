"""A list of concepts with their names, such as an owner's codes have, found in texts."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence

from brume.records.model.entity import CodeSystem, Concept, Entity
from brume.records.model.nlp.context import traits
from brume.records.model.nlp.procedures import TAGS
from brume.records.model.search.concepts import Term, plain
from brume.records.model.search.sections import sentences
from brume.records.model.search.words import Word, stems, words

_COLUMNS = ("system", "code", "display")


class TermsError(ValueError):
    """A list of concepts that cannot be read; the message names the line."""


def read_terms(text: str) -> list[Term]:
    """Read a list of concepts: lines of system, code, display and other names, by tabs.

    Raises `TermsError` for a line with less.
    """
    found = []
    for number, row in enumerate(csv.reader(io.StringIO(text), csv.excel_tab, quoting=csv.QUOTE_NONE), 1):
        if not row or tuple(row[:3]) == _COLUMNS:
            continue
        if len(row) < len(_COLUMNS) or not all(row[:3]):
            raise TermsError(f"line {number} of the concepts: it has system, code and display, by tabs")
        found.append(Term(row[0], row[1], row[2], tuple(name for name in row[3:] if name)))
    return found


def write_terms(terms: Iterable[Term]) -> str:
    """Return a list of concepts as `read_terms` reads it."""
    rows = [list(_COLUMNS), *([term.system, term.code, term.display, *term.names] for term in terms)]
    return "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)


class TermFinder:
    """Finds the names of concepts in texts: the longest at each place, in any form of its words."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._terms: dict[tuple[str, ...], Term] = {}
        self._longest: dict[str, int] = defaultdict(int)  # first stem -> words of the longest name
        for term in terms:
            for name in (term.display, *term.names):
                if key := stems(plain(name)):
                    self._terms.setdefault(key, term)
                    self._longest[key[0]] = max(self._longest[key[0]], len(key))

    def find(self, text: str) -> tuple[Entity, ...]:
        """Return the mentions in a text, by their place, with what the text states about each."""
        found: list[Entity] = []
        for sentence in sentences(text):
            mentions = self._mentions(sentence.of(text))
            places = [(sentence.begin + begin, sentence.begin + end) for begin, end, _ in mentions]
            stated = traits(text, sentence.begin, sentence.end, places, sentence.heading) if places else []
            for (begin, end), (_, _, term), about in zip(places, mentions, stated, strict=True):
                concept = Concept(term.system, term.code, term.display)
                found.append(
                    Entity(
                        begin, end, text[begin:end], *_kind(term), 1.0, about, (concept,), sentence.heading
                    )
                )
        return tuple(found)

    def concepts(self, text: str) -> set[tuple[str, str]]:
        """Return system and code of what a text mentions, which takes less time than what it states."""
        spans = (sentence.of(text) for sentence in sentences(text))
        return {(term.system, term.code) for one in spans for _, _, term in self._mentions(one)}

    def _mentions(self, sentence: str) -> list[tuple[int, int, Term]]:
        read, found, begin = words(sentence), [], 0
        while begin < len(read):
            size = self._match(read, begin)
            if size:
                term = self._terms[tuple(word.stem for word in read[begin : begin + size])]
                found.append((read[begin].begin, read[begin + size - 1].end, term))
            begin += size or 1
        return found

    def _match(self, read: Sequence[Word], begin: int) -> int:
        """Return how many words from `begin` on are the longest name, 0 for none."""
        longest = min(self._longest.get(read[begin].stem, 0), len(read) - begin)
        key = tuple(word.stem for word in read[begin : begin + longest])
        return next((size for size in range(longest, 0, -1) if key[:size] in self._terms), 0)


def _kind(term: Term) -> tuple[str, str]:
    """Return Comprehend Medical's category and type of what a concept names."""
    if term.system == CodeSystem.RXNORM:
        return "MEDICATION", "GENERIC_NAME"
    if term.display.endswith(TAGS):
        return "TEST_TREATMENT_PROCEDURE", "PROCEDURE_NAME"
    return "MEDICAL_CONDITION", "DX_NAME"
