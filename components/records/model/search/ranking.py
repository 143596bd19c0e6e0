"""One order of documents from three: by concepts, by words and by meaning.

The scores of each kind are divided by their best and added with weights (CombSUM; Fox and Shaw 1994).
Concepts count most, by how sure it is that the query is about them. Words count by how much of the query the
documents have that are best by words: a query in the words of notes is answered by words, a lay person's by
meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brume.records.model.search.columns import Mask
from brume.records.model.search.concepts import Match
from brume.records.model.search.vectors import Floats

_CONCEPT, _DENSE = 4.0, 1.0  # weights
# Of words: the first; more for a query that is covered, the third if it is about a concept, else the second.
_WORDS, _COVERED, _BESIDE, _STEEP = 0.5, 8.0, 2.0, 12
_POWER = 2  # of a document's share of the best score by concepts
_DENSE_MOST, _DENSE_LEAST = 500, 0.30  # documents that are found by meaning alone, and their least cosine
_SURE, _UNSURE = 0.55, 0.3  # scores of a concept at which it counts wholly, and not at all
_NEGATED = 0.6  # of the score, where a document mentions the concepts, none of them of the patient
_MENTION = 0.35  # of a document's concept score, below which that is so


@dataclass(frozen=True)
class Ranked:
    """Documents that fit, best first, with scores from 0 to 1."""

    ordinals: NDArray[np.int64]
    scores: NDArray[np.float64]


def fuse(
    concepts: tuple[Sequence[Match], NDArray[np.float64]],
    lexical: tuple[NDArray[np.int64], NDArray[np.float64]],
    covered: float,
    dense: Floats | None,
    among: Mask,
) -> Ranked:
    """Return one order from the scores of each kind.

    `concepts` are the query's, and each document's score by them; `lexical` ordinals and scores, best first,
    and `covered` the share of the query (0 to 1) that the best of them have; `dense` each document's cosine.
    The best document's score is how sure it is that there is one about the query: the greatest of the
    concept's score, `covered` and the cosine.
    """
    size = len(among)
    matches, by_concept = concepts
    by_concept = np.where(among, by_concept, 0)
    share = 0.0
    if by_concept.any():
        sure = max(match.score for match in matches)
        share = float(np.clip((sure - _UNSURE) / (_SURE - _UNSURE), 0, 1))
    total, listed, certain = np.zeros(size), np.zeros(size, bool), 0.0
    if share:
        total += _CONCEPT * share * _of_best(by_concept) ** _POWER
        listed |= by_concept > 0
        certain = sure
    if len(lexical[0]):
        words = np.zeros(size)
        words[lexical[0]] = lexical[1]
        more = _COVERED * (1 - share) + _BESIDE * share
        total += (_WORDS + more * covered**_STEEP) * _of_best(words)
        listed |= words > 0
        certain = max(certain, covered)
    if dense is not None and among.any():
        near = np.zeros(size)
        best = _best(np.where(among, dense, -1), _DENSE_MOST)
        near[best] = np.maximum(dense[best], 0)
        total += _DENSE * _of_best(near)
        listed[best] |= near[best] >= _DENSE_LEAST
        certain = max(certain, float(near.max()))
    total[(by_concept > 0) & (by_concept < _MENTION)] *= _NEGATED
    ordinals = np.flatnonzero(listed & among)
    scores = np.round(_of_best(total[ordinals]), 9)  # equal documents are equal
    order = np.lexsort((ordinals, -scores))
    return Ranked(ordinals[order], np.clip(scores[order] * certain, 0, 1))


def _of_best(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores as shares of the best one."""
    best = float(scores.max(initial=0))
    return scores / best if best > 0 else scores


def _best(scores: Floats, most: int) -> NDArray[np.int64]:
    """Return the places of the highest scores, in any order."""
    if len(scores) <= most:
        return np.arange(len(scores))
    return np.argpartition(-scores, most)[:most]
