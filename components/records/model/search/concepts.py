"""The concepts that documents have, and which of them a query in anyone's words is about."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brume.records.model.entity import Entity, Trait
from brume.records.model.search.columns import Mask
from brume.records.model.search.thesaurus import Thesaurus
from brume.records.model.search.vectors import Floats
from brume.records.model.search.words import stems

MOST = 3
"""Concepts of a query at most."""
_LEAST = 0.35  # of a concept's score: below, the query is about none that is here
_NEAR = 0.1  # below the best score, within which others are taken too
_PRIOR = 0.02  # for each power of ten of documents that have the concept
_SYNONYM = 0.95  # worth of a word that stands for the query's
_EXACT = 0.99  # from which on the query is a concept's name
_LONGEST = 20  # words of a name
_NAMES = 16  # of a concept that are compared
# What a text states about a mention: how much the document is about it.
_WEIGHTS = {
    Trait.NEGATION: 0.05,
    Trait.FAMILY: 0.15,
    Trait.HYPOTHETICAL: 0.3,
    Trait.LOW_CONFIDENCE: 0.6,
    Trait.PAST_HISTORY: 0.7,
}
_TAG = re.compile(r"\s*\((?:disorder|finding|procedure|situation|regime/therapy|substance|organism|event)\)$")
_DRUG = re.compile(
    r"^(?:[\d.]+ (?:HR|ML|ACTUAT) |NDA\d+ )*([A-Za-z][A-Za-z ,-]+?) [\d.]+ (?:MG|UNT|MCG|MEQ|ML)\b", re.I
)
# Words that ask, and say nothing of what is looked for.
_ASKING = frozenset(
    stem
    for word in [
        "patient",
        "patients",
        "person",
        "people",
        "show",
        "find",
        "list",
        "get",
        "note",
        "notes",
        "record",
        "records",
        "document",
        "documents",
        "history",
        "visit",
        "visits",
        "case",
        "cases",
        "who",
        "whom",
        "what",
        "which",
        "when",
        "where",
        "why",
        "how",
        "have",
        "has",
        "had",
        "having",
        "been",
        "any",
        "all",
        "with",
        "without",
        "about",
        "please",
        "me",
        "us",
        "i",
        "my",
        "search",
        "look",
        "looking",
        "someone",
        "anyone",
        "is",
        "are",
        "was",
        "were",
        "did",
        "does",
        "do",
    ]
    for stem in stems(word)
)


@dataclass(frozen=True)
class Term:
    """A concept and its names: what its code is called, and what else means it."""

    system: str
    code: str
    display: str
    names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The code with its system, as FHIR writes a token."""
        return f"{self.system}|{self.code}"


@dataclass(frozen=True)
class Match:
    """A concept that a query is about. `name` is the name that fitted, `score` from 0 to 1."""

    id: str
    display: str
    name: str
    score: float
    part: int  # concepts of one part of the query are alternatives; a document may have one of each part


class Concepts:
    """The concepts of all documents: their names, and which document mentions each how surely."""

    def __init__(self, others: Thesaurus) -> None:
        """`others` has what names are in other words, such as a clinical term in lay people's."""
        self._others = others
        self._terms: dict[str, Term] = {}
        self._given: dict[str, tuple[str, ...]] = {}
        self._documents: dict[str, dict[int, float]] = defaultdict(dict)
        self._arrays: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        self._names: list[tuple[str, str, frozenset[str]]] = []  # concept, name, its stems
        self._by_stem: dict[str, list[int]] = defaultdict(list)
        self._seen: set[tuple[str, frozenset[str]]] = set()
        self._counts: dict[str, int] = defaultdict(int)
        self._vectors: Floats | None = None

    def know(self, terms: Iterable[Term]) -> None:
        """Add names of concepts, those that no document has included."""
        for term in terms:
            self._given[term.id] = (*self._given.get(term.id, ()), term.display, *term.names)

    def add(self, ordinal: int, entities: Iterable[Entity]) -> None:
        """Add the concepts of a document's mentions."""
        for entity in entities:
            for concept in entity.concepts[:1]:
                term = Term(concept.system, concept.code, concept.display)
                documents = self._documents[term.id]
                documents[ordinal] = max(documents.get(ordinal, 0.0), weight(entity))
                self._arrays.pop(term.id, None)
                if term.id not in self._terms:
                    self._terms[term.id] = term
                    for name in self._named(term):
                        self._name(term.id, name)
                self._name(term.id, entity.text)

    def _named(self, term: Term) -> Iterator[str]:
        """Yield the names of a concept: those given, a drug's ingredient, all in other words."""
        names = [plain(name) for name in (term.display, *self._given.get(term.id, ()))]
        names += [drug for name in names if (drug := ingredient(name))]
        yield from names
        for name in dict.fromkeys(names):
            for other in self._others.expand(name):
                yield other.query
                if 2 * len(_asked(other.query)) <= 3 * len(_asked(other.phrase)):
                    yield other.phrase

    def _name(self, identity: str, name: str) -> None:
        name = plain(name)
        parts = frozenset(stems(name))
        full = self._counts[identity] >= _NAMES
        if not parts or len(parts) > _LONGEST or full or (identity, parts) in self._seen:
            return
        self._seen.add((identity, parts))
        self._counts[identity] += 1
        for stem in parts:
            self._by_stem[stem].append(len(self._names))
        self._names.append((identity, name, parts))

    def unencoded(self) -> list[str]:
        """Return the names that have no embedding yet, for `encoded`."""
        return [name for _, name, _ in self._names[0 if self._vectors is None else len(self._vectors) :]]

    def encoded(self, vectors: Floats) -> None:
        """Take the embeddings of the names that `unencoded` returned."""
        self._vectors = vectors if self._vectors is None else np.concatenate([self._vectors, vectors])

    def display(self, identity: str) -> str:
        """Return what a concept is called."""
        return plain(self._terms[identity].display)

    def displays(self, identities: Iterable[str]) -> list[str]:
        """Return what those of some concepts are called that documents have."""
        return [self.display(identity) for identity in identities if identity in self._terms]

    def present(self, among: Mask) -> dict[str, int]:
        """Return the concepts that documents of `among` have, with the number of these."""
        counts = {identity: self._count(identity, among) for identity in self._documents}
        return {identity: count for identity, count in counts.items() if count}

    def _count(self, identity: str, among: Mask) -> int:
        return int(np.count_nonzero(among[self._mentions(identity)[0]]))

    def _mentions(self, identity: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the documents that mention a concept, those that were taken out included, and how surely."""
        found = self._arrays.get(identity)
        if found is None:
            documents = self._documents[identity]
            found = np.array(list(documents), int), np.array(list(documents.values()), float)
            self._arrays[identity] = found
        return found

    def match(self, query: str, others: Sequence[str], vectors: Floats | None, among: Mask) -> list[Match]:
        """Return the concepts of `among` that a query is about, the surest first.

        `others` are the query with parts in other words; `vectors` embeddings of the query and of such.
        """
        asked = _asked(query)
        if not asked:
            return []
        scores = np.zeros(len(self._names), np.float32)
        if vectors is not None and self._vectors is not None:
            scores[: len(self._vectors)] = (self._vectors @ vectors.T).max(axis=1)
        exact = np.zeros(len(self._names), bool)
        for index, score, covers in self._by_words([asked, *map(_asked, others)]):
            scores[index] = max(scores[index], score)
            exact[index] |= covers
        best: dict[str, tuple[float, int]] = {}
        for index in np.argsort(-scores)[: 40 * MOST]:
            best.setdefault(self._names[index][0], (float(scores[index]), int(index)))
        ranked = []
        for identity, (score, index) in best.items():
            count = self._count(identity, among) if score >= _LEAST else 0
            if count:  # a concept that the reader has no document of does not exist
                ranked.append((score + _PRIOR * math.log10(count), score, identity, index))
        ranked.sort(key=lambda one: (-one[0], one[2]))
        return self._chosen(ranked, exact, asked)

    def named(self, identities: Iterable[str], among: Mask) -> list[Match]:
        """Return those of some concepts that documents of `among` have, as alternatives of one query."""
        present = (one for one in sorted(identities) if one in self._documents and self._count(one, among))
        return [Match(one, self.display(one), self.display(one), 1.0, 0) for one in present]

    def _by_words(self, parts: Sequence[frozenset[str]]) -> Iterator[tuple[int, float, bool]]:
        """Yield the names that share words with the query (first) or a synonym, and how much.

        The score is the geometric mean of the shares of the name and of the query, rare words counting more;
        the last value says whether the whole name is in the query.
        """
        for number, part in enumerate(parts):
            rare = {stem: self._rareness(stem) for stem in part}
            total = sum(rare.values())
            if not total:
                continue
            for index in {index for stem in part for index in self._by_stem.get(stem, ())}:
                name = self._names[index][2]
                shared = sum(rare[stem] for stem in name & part)
                share = shared / sum(rare.get(stem) or self._rareness(stem) for stem in name)
                yield index, (_SYNONYM if number else 1.0) * math.sqrt(share * shared / total), name <= part

    def _rareness(self, stem: str) -> float:
        return math.log(1 + len(self._names) / (1 + len(self._by_stem.get(stem, ()))))

    def _chosen(
        self, ranked: list[tuple[float, float, str, int]], exact: NDArray[np.bool_], asked: frozenset[str]
    ) -> list[Match]:
        found: list[Match] = []
        parts: list[frozenset[str]] = []
        for prior, score, identity, index in ranked:
            _, name, words = self._names[index]
            covered = (words & asked or asked) if exact[index] else asked
            part = next((number for number, one in enumerate(parts) if one & covered), len(parts))
            if part < len(parts) and prior < ranked[0][0] - _NEAR:
                continue
            if part < len(parts) and score < _EXACT <= ranked[0][1]:
                continue  # the query is the name of another
            if part == len(parts):
                parts.append(covered)
            found.append(Match(identity, self.display(identity), name, min(score, 1.0), part))
            if len(found) == MOST:
                break
        return found

    def scores(self, matches: Sequence[Match], size: int) -> NDArray[np.float64]:
        """Return for each of `size` documents how much it is about the concepts: 0 for not at all.

        Alternatives for one part of the query count once, by the best; parts add up.
        """
        parts: dict[int, NDArray[np.float64]] = {}
        for match in matches:
            column = parts.setdefault(match.part, np.zeros(size))
            ordinals, sure = self._mentions(match.id)
            column[ordinals] = np.maximum(column[ordinals], match.score * sure)
        return np.sum(list(parts.values()), axis=0) if parts else np.zeros(size)


def _asked(query: str) -> frozenset[str]:
    return frozenset(stem for stem in stems(query) if stem not in _ASKING)


def ingredient(name: str) -> str:
    """Return the drug in RxNorm's name of one (metformin for "metformin 500 MG Tablet"), or ""."""
    found = _DRUG.match(name)
    return found[1].strip() if found else ""


def plain(name: str) -> str:
    """Return a name without SNOMED's tag of its kind: "Anemia (disorder)" is Anemia."""
    return " ".join(_TAG.sub("", name).split())


def weight(entity: Entity) -> float:
    """Return how much a document is about a mention: 1 if stated of the patient, now."""
    return min((share for trait, share in _WEIGHTS.items() if entity.has(trait)), default=1.0)
