"""Questions with written answers: those that ask the same as a query, in whatever words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from brume.records.model.search.columns import Columns
from brume.records.model.search.document import Document, Reader
from brume.records.model.search.filters import Condition
from brume.records.model.search.vectors import VectorFile
from brume.records.model.search.words import stems

_LEAST = 0.6  # of a question's score: below, it asks something else
# Words that questions about anything have.
_ASKING = frozenset(
    stems(
        "who whom whose what which when where why how do does did done is are was were be been has have had "
        "having can could may might must shall should will would i me my we us our you your please tell"
    )
)


class Questions:
    """The questions of an index: titles of documents whose texts are the answers. For any thread."""

    def __init__(self, entries: Sequence[Document], file: VectorFile | None) -> None:
        """`file` makes and keeps embeddings; without it questions are compared by their words."""
        self._entries, self._file = list(entries), file
        self._columns = Columns()
        for entry in entries:
            self._columns.add(entry.attributes, entry.access, entry.patient)
        self._stems = [_about(entry.title) for entry in entries]
        self._vectors = file.encode([entry.title for entry in entries]) if file and entries else None

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, text: str, reader: Reader, condition: Condition) -> list[tuple[Document, float]]:
        """Return the questions that ask what `text` asks, with scores from 0 to 1, the nearest first.

        The score is the greater one of the cosine of both embeddings and of the share of equal words. An
        answer that is in no patient's record is for everyone whom its list of access lets in.
        """
        asked = _about(text)
        if not self._entries or not text.strip():
            return []
        patients = None if reader.patients is None else reader.patients | {""}
        among = self._columns.readable(Reader(reader.principals, patients)) & self._columns.mask(condition)
        if not among.any():
            return []
        scores = np.array([_shared(asked, one) for one in self._stems])
        if self._vectors is not None and self._file is not None:
            scores = np.maximum(scores, self._vectors @ self._file.queries([text])[0])
        order = np.argsort(-scores, kind="stable")
        return [
            (self._entries[one], min(float(scores[one]), 1.0))
            for one in order
            if among[one] and scores[one] >= _LEAST
        ]


def _about(question: str) -> frozenset[str]:
    """Return the stems of a question without those that ask."""
    return frozenset(stems(question)) - _ASKING


def _shared(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the cosine of two sets of words."""
    both = len(first) * len(second)
    return len(first & second) / math.sqrt(both) if both else 0.0
