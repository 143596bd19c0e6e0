"""What search returns: documents with scores, passages and reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why a document was found: a concept, the mention of it and its place in the text (code points)."""

    concept: str  # the code, with its system
    display: str
    mention: str
    begin: int
    end: int


@dataclass(frozen=True)
class Hit:
    """A document for a query, best first. `score` is from 0 to 1; `excerpts` are offsets in its text."""

    document: str
    score: float
    excerpts: tuple[tuple[int, int], ...] = ()
    reasons: tuple[Reason, ...] = ()
