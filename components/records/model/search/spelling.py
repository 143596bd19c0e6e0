"""Corrections of words of a query that no document has, by words that documents have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from brume.records.model.search.words import words

_SHORTEST = 4  # letters of a word that is corrected


@dataclass(frozen=True)
class Correction:
    """One corrected word: its place in the corrected query, in code points, and both spellings."""

    begin: int
    end: int
    word: str
    corrected: str


class Spelling:
    """The words of all documents as they are written, and how many documents have each."""

    def __init__(self) -> None:
        self._documents: dict[str, Counter[str]] = {}  # stem -> spellings

    def add(self, text: str) -> None:
        """Add the words of a text."""
        for stem, spelling in {(word.stem, text[word.begin : word.end].lower()) for word in words(text)}:
            self._documents.setdefault(stem, Counter())[spelling] += 1

    def correct(
        self, query: str, exists: Callable[[str], bool], also: Iterable[str] = ()
    ) -> tuple[str, list[Correction]]:
        """Return the query with its unknown words corrected, and the corrections.

        `exists` says whether the reader has a document with a stem: others' words are no suggestions. `also`
        are stems that need no correction.
        """
        known = set(also)
        text, corrections, read = "", [], 0
        for word in words(query):
            written = query[word.begin : word.end]
            text += query[read : word.begin]
            read = word.end
            corrected = written
            if len(written) >= _SHORTEST and written.isalpha() and word.stem not in known:
                corrected = written if exists(word.stem) else self._near(written, exists)
            if corrected != written:
                corrections.append(Correction(len(text), len(text) + len(corrected), written, corrected))
            text += corrected
        return text + query[read:], corrections

    def _near(self, written: str, exists: Callable[[str], bool]) -> str:
        """Return the nearest known word, of several the most frequent one, or the word itself."""
        spellings = {
            spelling: (stem, count)
            for stem, counts in self._documents.items()
            for spelling, count in counts.most_common(1)
            if abs(len(spelling) - len(written)) <= 2 and spelling.isalpha()
        }
        allowed = 1 if len(written) < 6 else 2
        found = process.extract(
            written.lower(),
            spellings.keys(),
            scorer=DamerauLevenshtein.distance,
            score_cutoff=allowed,
            limit=10,
        )
        found.sort(key=lambda one: (one[1], -spellings[one[0]][1], one[0]))
        return next((spelling for spelling, _, _ in found if exists(spellings[spelling][0])), written)
