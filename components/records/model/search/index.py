"""An index of documents: what is put in, and searches on behalf of a reader."""

from __future__ import annotations

import hashlib
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brume.records.model.passage import Hit, Reason
from brume.records.model.search import excerpts, ranking, relevance
from brume.records.model.search.columns import Columns, Mask
from brume.records.model.search.concepts import Concepts, Match, Term, weight
from brume.records.model.search.document import Access, Document, Reader, Value
from brume.records.model.search.excerpts import Passage, Wanted
from brume.records.model.search.filters import All, Condition
from brume.records.model.search.lexical import Lexical
from brume.records.model.search.relevance import Boost, Order
from brume.records.model.search.spelling import Correction, Spelling
from brume.records.model.search.thesaurus import Thesaurus, lay_terms, lay_variants
from brume.records.model.search.vectors import Encoder, VectorFile, Vectors, section_texts
from brume.records.model.search.words import stems

WIDTH = 384
"""Values of an embedding."""
_JUDGED = 0.25  # what a reader's judgement of a result for the same query changes of its score
_FIRST = 3  # documents, best by words, in which the words of a query are counted
_STALE = 2  # a rebuild comes when this many times the documents were put in


@dataclass(frozen=True)
class Query:
    """What is asked. `text` "" means every document that fits `condition`.

    `without` are concepts that the query is not about, though its words are near; `judged` are documents that
    readers found relevant (+1) or not (-1) for this query. With `about`, documents fit that mention one of
    these concepts, and the words are looked through for no others.
    """

    text: str
    reader: Reader
    condition: Condition = field(default_factory=lambda: All(()))
    boosts: Sequence[Boost] = ()
    orders: Sequence[Order] = ()
    without: frozenset[str] = frozenset()
    judged: Mapping[str, float] = field(default_factory=dict)
    about: frozenset[str] = frozenset()


class SearchIndex:
    """The index, in memory but for the embeddings; for any thread."""

    def __init__(self, folder: Path, encoder: Encoder | None, *, lay: bool = True) -> None:
        """`folder` keeps embeddings; without an `encoder` there is no search by meaning.

        `lay` says whether lay people's words stand for clinical terms.
        """
        self._file = VectorFile(folder, encoder, WIDTH) if encoder is not None else None
        self._rules = list(lay_variants()) if lay else []
        self._thesaurus = Thesaurus(self._rules)
        named = lay_terms() if lay else ()
        self._lay = Thesaurus((term, (phrase,)) for phrase, terms in named for term in terms)
        self._terms: tuple[Term, ...] = ()
        self._lock = threading.RLock()
        self._documents: dict[str, tuple[Document, int]] = {}
        self._start()

    def _start(self) -> None:
        self._columns, self._lexical, self._vectors = Columns(), Lexical(), Vectors(WIDTH)
        self._concepts, self._spelling = Concepts(self._lay), Spelling()
        self._concepts.know(self._terms)
        self._stored: list[Document] = []  # by ordinal; one that was taken out stays until a rebuild
        self._places = array("Q")  # by ordinal: the order of documents that fit equally well

    def know(self, terms: Iterable[Term]) -> None:
        """Set the names of concepts of an owner, for what is put in from now on."""
        with self._lock:
            self._terms = tuple(terms)
            self._concepts.know(self._terms)

    def set_synonyms(self, rules: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Set what an owner's phrases stand for in queries, beside lay people's words."""
        with self._lock:
            self._thesaurus = Thesaurus([*self._rules, *rules])

    def grant(self, ids: Iterable[str], access: Access) -> None:
        """Set who is let in to documents; an id that is not there is no error."""
        with self._lock:
            for identity in ids:
                if identity in self._documents:
                    document, ordinal = self._documents[identity]
                    changed = replace(document, access=access)
                    self._documents[identity] = (changed, ordinal)
                    self._stored[ordinal] = changed
                    self._columns.grant(ordinal, access, document.patient)

    def __len__(self) -> int:
        return len(self._documents)

    def put(self, documents: Sequence[Document], progress: Callable[[int], None] = lambda done: None) -> None:
        """Put documents in, in place of those with the same ids; `progress` gets sections done."""
        texts = [section_texts(document.title, document.text) for document in documents]
        if self._file is not None:
            self._file.encode(list(dict.fromkeys(text for part in texts for text in part)), progress)
        with self._lock:
            for document, sections in zip(documents, texts, strict=True):
                self._remove(document.id)
                self._add(document, sections)
            if self._columns.size > 1000 and self._columns.size > _STALE * len(self._documents):
                self._rebuild()
            self._commit()

    def delete(self, ids: Iterable[str]) -> None:
        """Take documents out; an id that is not there is no error."""
        with self._lock:
            for identity in ids:
                self._remove(identity)
            self._commit()

    def _add(self, document: Document, sections: Sequence[str]) -> None:
        ordinal = self._columns.add(document.attributes, document.access, document.patient)
        self._stored.append(document)
        self._places.append(int.from_bytes(hashlib.sha256(document.id.encode()).digest()[:8]))
        self._documents[document.id] = (document, ordinal)
        self._lexical.add(ordinal, document.title, document.text)
        self._concepts.add(ordinal, document.entities)
        self._spelling.add(f"{document.title}\n{document.text}")
        if self._file is not None and sections:
            self._vectors.add(ordinal, self._file.encode(sections))

    def _remove(self, identity: str) -> None:
        known = self._documents.pop(identity, None)
        if known is not None:
            self._columns.remove(known[1])
            self._lexical.remove(known[1])

    def _rebuild(self) -> None:
        kept = [document for document, _ in self._documents.values()]
        self._documents.clear()
        self._start()
        for document in kept:
            self._add(document, section_texts(document.title, document.text))

    def _commit(self) -> None:
        self._lexical.commit()
        if self._file is not None and (names := self._concepts.unencoded()):
            self._concepts.encoded(self._file.encode(names))

    def search(self, query: Query) -> Found:
        """Return the documents that fit a query, of those that its reader may read."""
        others = self._thesaurus.expand(query.text)
        vectors = None
        if self._file is not None and query.text.strip():
            # A query that is a phrase as a whole is known by its words in place of the other's meaning.
            parts = [one.query for one in others[:1] if one.query != one.phrase]
            vectors = self._file.queries([query.text, *parts])
        with self._lock:
            readable = self._columns.readable(query.reader)
            among = readable & self._columns.mask(query.condition)
            out = [set(stems(name)) for name in self._concepts.displays(query.without)]
            phrases = [
                phrase
                for phrase in dict.fromkeys(one.phrase for one in others)
                if not any(name.issuperset(stems(phrase)) for name in out)
            ]
            matches: list[Match] = []
            if query.text.strip() or query.about:
                if query.about:
                    near = self._concepts.named(query.about, readable)
                    among &= self._concepts.scores(near, len(among)) > 0
                else:
                    near = self._concepts.match(query.text, [one.query for one in others], vectors, readable)
                matches = [match for match in near if match.id not in query.without]
                by_words = self._lexical.scores(query.text, phrases, among)
                ranked = ranking.fuse(
                    (matches, self._concepts.scores(matches, len(among))),
                    by_words,
                    self._covered(query.text, by_words[0]),
                    None if vectors is None else self._vectors.scores(vectors[0], len(among)),
                    among,
                )
            else:
                every = np.flatnonzero(among)
                ranked = ranking.Ranked(every, np.ones(len(every)))
            ordinals, scores = self._adjusted(query, ranked)
            wanted = self._wanted(query.text, phrases, matches)
            stored = self._stored
        return Found(self, query, ordinals, scores, stored, matches, wanted, among)

    def pick(self, query: Query, ids: Sequence[str]) -> Found:
        """Return those of these documents that the query's reader may read and that fit its condition."""
        with self._lock:
            among = self._columns.readable(query.reader) & self._columns.mask(query.condition)
            known = [self._documents[identity][1] for identity in ids if identity in self._documents]
            ordinals = np.array([ordinal for ordinal in known if among[ordinal]], int)
            wanted = self._wanted(query.text, (), ())
            return Found(self, query, ordinals, np.ones(len(ordinals)), self._stored, (), wanted, among)

    def _covered(self, text: str, ordinals: NDArray[np.int64]) -> float:
        """Return the greatest share of a query's words that one of the first documents has, by rareness."""
        rareness = self._lexical.idf(set(stems(text)))
        total = sum(rareness.values())
        if not total:
            return 0.0
        first = [self._stored[int(ordinal)] for ordinal in ordinals[:_FIRST]]
        found = [set(stems(f"{document.title}\n{document.text}")) for document in first]
        shares = (sum(rare for stem, rare in rareness.items() if stem in words) for words in found)
        return max(shares, default=0.0) / total

    def _adjusted(
        self, query: Query, ranked: ranking.Ranked
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        scores = ranked.scores * relevance.factors(self._columns, ranked.ordinals, query.boosts, time.time())
        for identity, judged in query.judged.items():
            if identity in self._documents:
                at = ranked.ordinals == self._documents[identity][1]
                scores[at] *= 1 + _JUDGED * np.clip(judged, -1, 1)
        # By something of the document's own: in which order documents came differs after a restart.
        order = np.lexsort((np.frombuffer(self._places, np.uint64)[ranked.ordinals], -scores))
        ordinals, scores = ranked.ordinals[order], scores[order]
        if query.orders:
            places = {int(one): place for place, one in enumerate(ordinals)}
            ordinals = relevance.sort(self._columns, ordinals, query.orders)
            scores = scores[[places[int(one)] for one in ordinals]]
        return ordinals, np.minimum(scores, 1.0)

    def _wanted(self, text: str, phrases: Sequence[str], matches: Sequence[Match]) -> Wanted:
        mine = set(stems(text))
        others = {
            stem for phrase in [*phrases, *(match.display for match in matches)] for stem in stems(phrase)
        }
        return Wanted(
            self._lexical.idf(mine),
            self._lexical.idf(others - mine),
            frozenset(match.id for match in matches),
        )

    def count(self, reader: Reader) -> int:
        """Return the number of documents that a reader may read."""
        with self._lock:
            return int(self._columns.readable(reader).sum())

    def document(self, identity: str, reader: Reader) -> Document | None:
        """Return a document, None where there is none that the reader may read."""
        with self._lock:
            known = self._documents.get(identity)
        if known is None or not reader.may_read(known[0].access, known[0].patient):
            return None
        return known[0]

    def facet(self, key: str, among: Mask) -> list[tuple[Value, int]]:
        """Return the values of an attribute among documents, with counts, the most frequent first."""
        with self._lock:
            return self._columns.count(key, among)

    def correct(self, text: str, reader: Reader) -> tuple[str, list[Correction]]:
        """Return a query, words corrected that no document of the reader's has (`Spelling`)."""
        with self._lock:
            readable = self._columns.readable(reader)
            also = {stem for phrase, _ in self._rules for stem in stems(phrase)}
            return self._spelling.correct(text, lambda stem: self._lexical.has(stem, readable), also)

    def knows(self, stem: str, reader: Reader) -> bool:
        """Return whether a document of the reader's has a word."""
        with self._lock:
            return self._lexical.has(stem, self._columns.readable(reader))

    def extent(self, reader: Reader) -> tuple[int, int]:
        """Return the number of a reader's documents, and of the characters of their texts."""
        with self._lock:
            mine = np.flatnonzero(self._columns.readable(reader))
            return len(mine), sum(len(self._stored[int(ordinal)].text) for ordinal in mine)

    def concepts(self, reader: Reader) -> list[tuple[str, str, int]]:
        """Return the concepts that a reader's documents have: id, display and number of documents."""
        with self._lock:
            present = self._concepts.present(self._columns.readable(reader))
            return [
                (identity, self._concepts.display(identity), count) for identity, count in present.items()
            ]

    def values(self, key: str, reader: Reader, condition: Condition) -> list[tuple[Value, int]]:
        """Return the values of an attribute among a reader's documents that fit a condition."""
        with self._lock:
            return self._columns.count(key, self._columns.readable(reader) & self._columns.mask(condition))


class Found:
    """The documents that fit a query, best first; all in it is of the reader's documents."""

    def __init__(
        self,
        index: SearchIndex,
        query: Query,
        ordinals: NDArray[np.int64],
        scores: NDArray[np.float64],
        stored: Sequence[Document],
        matches: Sequence[Match],
        wanted: Wanted,
        among: Mask,
    ) -> None:
        self.query, self.scores, self.matches, self.wanted = query, scores, matches, wanted
        self._ordinals, self._stored = ordinals, stored
        self._index, self._among = index, np.zeros_like(among)
        self._among[ordinals] = True

    def __len__(self) -> int:
        return len(self._ordinals)

    @property
    def documents(self) -> list[Document]:
        """The documents, best first."""
        return [self._stored[ordinal] for ordinal in self._ordinals]

    def document(self, place: int) -> Document:
        """Return the document at a place, from 0."""
        return self._stored[int(self._ordinals[place])]

    def facet(self, key: str) -> list[tuple[Value, int]]:
        """Return the values of an attribute among what was found, with counts."""
        return self._index.facet(key, self._among)

    def passages(self, place: int, tokens: int) -> list[Passage]:
        """Return the passages of the document at a place, the best first."""
        document = self.document(place)
        return excerpts.passages(document.text, document.entities, self.wanted, tokens)

    def hit(self, place: int) -> Hit:
        """Return the document at a place with the reasons why it was found."""
        document = self.document(place)
        reasons = []
        for match in self.matches:
            mentions = [
                entity
                for entity in document.entities
                for concept in entity.concepts[:1]
                if f"{concept.system}|{concept.code}" == match.id
            ]
            if mentions:
                best = max(mentions, key=lambda entity: (weight(entity), -entity.begin))
                reasons.append(Reason(match.id, match.display, best.text, best.begin, best.end))
        spans = tuple((reason.begin, reason.end) for reason in reasons)
        return Hit(document.id, float(self.scores[place]), spans, tuple(reasons))
