"""Search by words: BM25 over titles and texts, in a tantivy index in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from tantivy import Document, Index, Occur, Query, SchemaBuilder

from brume.records.model.search.columns import Mask
from brume.records.model.search.words import analyzer, stems

_HEAP = 15_000_000  # bytes, the least that tantivy takes
_TITLE, _SYNONYM = 2.0, 0.4  # weights of a word in the title, and of one that stands for a query's word
_FIRST = 1000  # hits that are read before it is known that more are needed


class Lexical:
    """The index. Texts are known by their ordinals; what was added is found after `commit`."""

    def __init__(self) -> None:
        builder = SchemaBuilder().add_unsigned_field("ordinal", indexed=True, fast=True)
        for name in ("title", "text"):
            builder.add_text_field(name, tokenizer_name="notes")
        self._schema = builder.build()
        self._index = Index(self._schema)
        self._index.register_tokenizer("notes", analyzer())
        self._writer = self._index.writer(_HEAP, 1)
        self._searcher = self._index.searcher()

    def add(self, ordinal: int, title: str, text: str) -> None:
        """Add a text."""
        # Document(ordinal=...) would make a signed number of it, at which the writer's thread ends.
        fields = {"ordinal": ordinal, "title": title, "text": text}
        self._writer.add_document(Document.from_dict(fields, self._schema))

    def remove(self, ordinal: int) -> None:
        """Take a text out."""
        self._writer.delete_documents_by_term("ordinal", ordinal)

    def commit(self) -> None:
        """Let searches see what has changed."""
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def scores(
        self, query: str, synonyms: Sequence[str], among: Mask
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the ordinals of `among` that have words of the query, and their scores, best first.

        `synonyms` are phrases that may stand for parts of the query; they count less.
        """
        parsed = self._query(query, synonyms)
        if parsed is None:
            return np.empty(0, int), np.empty(0)
        return self._among(parsed, among, _FIRST // 2)

    def _among(self, query: Query, among: Mask, least: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the best hits of `among`: all, or `least` at least where there are more."""
        limit = _FIRST
        while True:
            found = self._searcher.search(query, limit)
            addresses = [address for _, address in found.hits]
            ordinals = np.array(self._searcher.fast_field_values("ordinal", addresses), int)
            scores = np.array([score for score, _ in found.hits], float)
            known = ordinals < len(among)
            kept = np.zeros(len(ordinals), bool)
            kept[known] = among[ordinals[known]]
            # Where others' documents took the places, those that the reader may see come after them.
            if len(addresses) < limit or kept.sum() >= least:
                return ordinals[kept], scores[kept]
            limit *= 8

    def has(self, stem: str, among: Mask) -> bool:
        """Return whether a text of `among` has a word, which is given by its stem."""
        fields = ("title", "text")
        parts = [(Occur.Should, Query.term_query(self._schema, field, stem)) for field in fields]
        return bool(len(self._among(Query.boolean_query(parts), among, 1)[0]))

    def idf(self, words: Iterable[str]) -> dict[str, float]:
        """Return how rare words are: the inverse document frequency of BM25 for each stem."""
        count = self._searcher.num_docs
        frequencies = {word: self._searcher.doc_freq("text", word) for word in words}
        return {
            word: float(np.log(1 + (count - often + 0.5) / (often + 0.5)))
            for word, often in frequencies.items()
        }

    def _query(self, query: str, synonyms: Sequence[str]) -> Query | None:
        parts: list[tuple[Occur, Query]] = []
        for piece in query.split():
            parts += [(Occur.Should, one) for one in self._phrase(piece)]
        for phrase in synonyms:
            parts += [(Occur.Should, Query.boost_query(one, _SYNONYM)) for one in self._phrase(phrase)]
        return Query.boolean_query(parts) if parts else None

    def _phrase(self, text: str) -> list[Query]:
        """Return the queries of a phrase in title and text; a code such as E11.9 is one."""
        found = list(stems(text))
        if not found:
            return []
        made = []
        for field, boost in (("title", _TITLE), ("text", 1.0)):
            whole = (
                Query.phrase_query(self._schema, field, list(found))
                if len(found) > 1
                else Query.term_query(self._schema, field, found[0])
            )
            made.append(Query.boost_query(whole, boost))
        return made
