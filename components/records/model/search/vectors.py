"""Search by meaning: embeddings of sections, compared exactly, and kept in a file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brume.records.model.search.sections import SECTION_WORDS, windows

Floats = NDArray[np.float32]
_AT_ONCE = 256  # sections that are encoded before they are kept
_QUERIES = 256  # whose embeddings stay in memory


class Encoder(Protocol):
    """What makes embeddings: rows of length 1. `version` changes with its weights."""

    version: str

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the embeddings of texts, shape (texts, width)."""


class VectorFile:
    """Embeddings by the digest of their text, in a file: each is computed once.

    A record is 16 bytes of digest and the values as float32. A record that a kill cut short is written over.
    """

    def __init__(self, path: Path, encoder: Encoder, width: int) -> None:
        """Open the file of an encoder, making it where it is absent; `path` is a folder."""
        self._encoder, self._width = encoder, width
        self._kind = np.dtype([("digest", "V16"), ("vector", "<f4", (width,))])
        version = hashlib.sha256(encoder.version.encode()).hexdigest()[:12]
        self._path = path / f"vectors-{version}.bin"
        path.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        whole = self._path.stat().st_size // self._kind.itemsize * self._kind.itemsize
        os.truncate(self._path, whole)
        self._lock = threading.Lock()
        self._asked: OrderedDict[bytes, Floats] = OrderedDict()
        self._known: dict[bytes, Floats] = {}
        for record in np.fromfile(self._path, self._kind):
            self._known[bytes(record["digest"])] = record["vector"]

    def encode(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> Floats:
        """Return the embeddings of texts, shape (texts, width), of the file or else of the encoder."""
        digests = [_digest(text.encode()) for text in texts]
        missing = {
            digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._known
        }
        waiting = list(missing.items())
        for start in range(0, len(waiting), _AT_ONCE):
            part = waiting[start : start + _AT_ONCE]
            made = np.zeros(len(part), self._kind)
            made["digest"] = [digest for digest, _ in part]
            made["vector"] = self._encoder.encode([text for _, text in part])
            with self._path.open("ab") as file:
                file.write(made.tobytes())
            for record in made:
                self._known[bytes(record["digest"])] = record["vector"]
            progress(start + len(part))
        found = np.empty((len(texts), self._width), np.float32)
        for row, digest in enumerate(digests):
            found[row] = self._known[digest]
        return found

    def queries(self, texts: Sequence[str]) -> Floats:
        """Return the embeddings of queries, shape (texts, width).

        Those of the last ones are kept in memory, by digest: further pages of a search are asked for soon.
        """
        digests = [_digest(text.encode()) for text in texts]
        with self._lock:
            found = {digest: self._asked[digest] for digest in digests if digest in self._asked}
        missing = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in found}
        if missing:
            made = np.asarray(self._encoder.encode(list(missing.values())), np.float32)
            found |= dict(zip(missing, made, strict=True))
        with self._lock:
            for digest in digests:
                self._asked[digest] = found[digest]
                self._asked.move_to_end(digest)
            while len(self._asked) > _QUERIES:
                self._asked.popitem(last=False)
        return np.stack([found[digest] for digest in digests])


class Vectors:
    """The sections of documents and their embeddings; equal sections are compared once."""

    def __init__(self, width: int) -> None:
        self._rows: dict[bytes, int] = {}
        self._matrix = np.empty((1024, width), np.float32)
        self._pairs: tuple[list[int], list[int]] = ([], [])  # row of the matrix, ordinal
        self._joined: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]] | None = None

    def add(self, ordinal: int, sections: Floats) -> None:
        """Add the embeddings of a document's sections; its ordinal is greater than those before."""
        for vector in sections:
            digest = _digest(vector.tobytes())
            row = self._rows.setdefault(digest, len(self._rows))
            if row == len(self._matrix):
                self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
            self._matrix[row] = vector
            self._pairs[0].append(row)
            self._pairs[1].append(ordinal)
        self._joined = None

    def scores(self, query: Floats, size: int) -> Floats:
        """Return each document's cosine of the query and its nearest section, or -1; (size,)."""
        if self._joined is None:
            # Documents come by their ordinals: the sections of one lie side by side.
            ordinals, firsts = np.unique(np.array(self._pairs[1], int), return_index=True)
            self._joined = (np.array(self._pairs[0], int), ordinals, firsts)
        rows, ordinals, firsts = self._joined
        found = np.full(size, -1, np.float32)
        if len(rows):
            similar = self._matrix[: len(self._rows)] @ query
            best = np.maximum.reduceat(similar[rows], firsts)
            known = ordinals < size
            found[ordinals[known]] = best[known]
        return found


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def section_texts(title: str, text: str) -> list[str]:
    """Return what is embedded of a document: its sections with their headings, each once."""
    parts = [title] if title else []
    for span in windows(text, SECTION_WORDS):
        parts.append(f"{span.heading}: {span.of(text)}" if span.heading else span.of(text))
    return list(dict.fromkeys(parts))
