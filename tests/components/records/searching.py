"""An index of documents in memory, with an encoder that needs no weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brume.records.model.search.concepts import Term
from brume.records.model.search.document import Document, Reader
from brume.records.model.search.index import WIDTH, Query, SearchIndex
from brume.records.model.search.terms import TermFinder
from brume.records.model.search.words import stems

TERMS = [
    Term("s", "1", "Essential hypertension (disorder)"),
    Term("s", "2", "Diabetes mellitus type 2", ("adult-onset diabetes",)),
    Term("s", "3", "Diabetes mellitus"),
]


class Hashing:
    """A test double of an encoder: words that are equal make vectors that are near."""

    version = "hashing"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        found = np.zeros((len(texts), WIDTH), np.float32)
        for row, text in enumerate(texts):
            for stem in stems(text):
                found[row, int(hashlib.sha256(stem.encode()).hexdigest(), 16) % WIDTH] += 1
            found[row] /= np.linalg.norm(found[row]) or 1
        return found


def documents(texts: dict[str, str]) -> list[Document]:
    finder = TermFinder(TERMS)
    return [Document(name, text, entities=finder.find(text)) for name, text in texts.items()]


def order(index: SearchIndex, text: str) -> list[str]:
    return [document.id for document in index.search(Query(text, Reader())).documents]
