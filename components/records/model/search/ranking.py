"""One order of documents from three: by concepts, by words and by meaning.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009) with weights: a concept that the query is surely
about counts most, equal weights would let near words win over it. Where no concept is sure, meaning and words
decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brume.records.model.search.columns import Mask
from brume.records.model.search.concepts import Match
from brume.records.model.search.vectors import Floats

_CONSTANT = 10  # of the reciprocal rank
_DENSE_MOST, _DENSE_LEAST = 500, 0.30  # documents that are found by meaning alone, and their least cosine
_SURE, _UNSURE = 0.55, 0.3  # scores of a concept at which it counts wholly, and not at all
_NEGATED = (
    0.6  # what is left of the score where a document mentions the concepts, none of them of the patient
)
_MENTION = 0.35  # of a document's concept score, below which that is so


@dataclass(frozen=True)
class Ranked:
    """Documents that fit, best first, with scores from 0 to 1."""

    ordinals: NDArray[np.int64]
    scores: NDArray[np.float64]


def fuse(
    concepts: tuple[Sequence[Match], NDArray[np.float64]],
    lexical: tuple[NDArray[np.int64], NDArray[np.float64]],
    dense: Floats | None,
    among: Mask,
) -> Ranked:
    """Return one order from the scores of each kind.

    `concepts` are the query's, and each document's score by them; `lexical` ordinals and scores, best first;
    `dense` each document's cosine.
    """
    size = len(among)
    matches, by_concept = concepts
    sure = max((match.score for match in matches), default=0.0)
    share = float(np.clip((sure - _UNSURE) / (_SURE - _UNSURE), 0, 1))
    weights = {"concept": 3 * share, "lexical": 1.0, "dense": 1.0 if share else 1.5}
    total = np.zeros(size)
    listed = np.zeros(size, bool)
    by_concept = np.where(among, by_concept, 0)
    if share:
        total += weights["concept"] * _reciprocal(by_concept)
        listed |= by_concept > 0
    words = np.zeros(size)
    words[lexical[0]] = lexical[1]
    total += weights["lexical"] * _reciprocal(words)
    listed |= words > 0
    if dense is not None:
        near = np.zeros(size)
        best = _best(np.where(among, dense, -1), _DENSE_MOST)
        near[best] = np.maximum(dense[best], 0)
        total += weights["dense"] * _reciprocal(near)
        listed[best] |= near[best] >= _DENSE_LEAST
    total[(by_concept > 0) & (by_concept < _MENTION)] *= _NEGATED
    most = sum(weight for kind, weight in weights.items() if kind != "dense" or dense is not None)
    ordinals = np.flatnonzero(listed & among)
    scores = total[ordinals] * (_CONSTANT + 1) / most
    order = np.lexsort((ordinals, -scores))
    return Ranked(ordinals[order], np.clip(scores[order], 0, 1))


def _best(scores: Floats, most: int) -> NDArray[np.int64]:
    """Return the places of the highest scores, in any order."""
    if len(scores) <= most:
        return np.arange(len(scores))
    return np.argpartition(-scores, most)[:most]


def _reciprocal(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (constant + rank) for scores above 0, equal ones alike, and 0 for others."""
    found = np.zeros(len(scores))
    positive = np.flatnonzero(scores > 0)
    if len(positive):
        _, inverse, counts = np.unique(
            -np.round(scores[positive], 6), return_inverse=True, return_counts=True
        )
        before = np.cumsum(counts) - counts
        found[positive] = 1 / (_CONSTANT + 1 + before[inverse])
    return found
