"""Intersection over union of boxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brume.labels.model.quality.arrays import Codes, Floats
from brume.labels.model.quality.matching import join

# Two boxes are of the same object from half an overlap on (Everingham et al., "The Pascal Visual Object
# Classes Challenge", 2010; the same in MOTChallenge, Milan et al., 2016).
THRESHOLD = 0.5
_AT_ONCE = 300_000  # pairs of boxes: 50 MB of working arrays


def iou(a: Floats, b: Floats) -> Floats:
    """Return the intersection over union, 0 to 1, of the boxes a[k] and b[k].

    It is Jaccard's index ("Étude comparative de la distribution florale", 1901) of their areas.
    Arrays have a row (left, top, width, height) for each box. A box without a finite, positive size overlaps
    nothing, but is 1 with a box of the very same numbers.
    """
    width = np.minimum(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 1] + a[:, 3], b[:, 1] + b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    common = np.maximum(width, 0) * np.maximum(height, 0)
    sane = _sane(a) & _sane(b)
    together = np.where(sane, a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - common, 1)
    found = np.where(sane, common, 0) / together
    return np.asarray(np.where(sane, np.clip(found, 0, 1), (a == b).all(axis=1)))


def overlapping(a: Floats, b: Floats, group_a: Codes, group_b: Codes) -> tuple[Codes, Codes, Floats]:
    """Return all pairs of boxes of the same group (frame) with an IoU of THRESHOLD or more.

    Returns the numbers of the boxes in `a` and in `b`, and their IoU.
    """
    found = [_above(a, b, i, j) for i, j in join(group_a, group_b, _AT_ONCE)]
    i, j, overlap = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j, overlap


def _above(a: Floats, b: Floats, i: Codes, j: Codes) -> tuple[Codes, Codes, Floats]:
    # Most pairs of a frame lie apart on one axis: a look at that spares the rest.
    near = np.abs(a[i, 0] - b[j, 0]) <= np.maximum(np.maximum(a[i, 2], b[j, 2]), 0)
    i, j = i[near], j[near]
    overlap = iou(a[i], b[j])
    kept = overlap >= THRESHOLD
    return i[kept], j[kept], overlap[kept]


def _sane(boxes: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray((boxes[:, 2] > 0) & (boxes[:, 3] > 0) & np.isfinite(boxes).all(axis=1))
