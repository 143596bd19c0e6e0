"""Stratified cross-validation: statistics of pictures by detectors not fitted on them.

Everything that affects a picture's score has not seen that picture: for fold i, detectors are fitted on the
other folds; the head that weighs their statistics is fitted on statistics which, for every picture of a fold
j, come from detectors fitted without i and j. A model without folds i and j serves both directions, so K
folds take K (K + 1) / 2 fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from brume.inspection.model.detectors import Arrays, Detector, Labels, Model

Floats = npt.NDArray[np.float64]
BATCH = 16


@dataclass(frozen=True)
class OutOfFold:
    """Statistics of every picture by models that were not fitted on it.

    `outer` [N, S] comes from the model without the picture's own fold; `inner[i]` [N, S] from the one without
    fold i and the picture's own (rows of fold i itself are undefined; there is no i unless nested).
    `maps` [N, h, w, K] belong to `outer`.
    """

    outer: Floats
    inner: Floats
    maps: npt.NDArray[np.float32] | None


def split_folds(anomalous: npt.NDArray[np.bool_], folds: int, seed: int) -> npt.NDArray[np.intp]:
    """Return the fold [N] of every picture: each class is shuffled and dealt out evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(anomalous.size, np.intp)
    start = 0
    for value in (False, True):
        members = rng.permutation(np.nonzero(anomalous == value)[0])
        fold[members] = (np.arange(members.size) + start) % folds
        start += members.size
    return fold


def prepare(detector: Detector, pictures: npt.NDArray[np.uint8]) -> Arrays:
    """Run a detector's training-free part over pictures [N, H, W, 3]."""
    batches = [
        [part.numpy() for part in detector.prepare(tf.constant(pictures[start : start + BATCH]))]
        for start in range(0, len(pictures), BATCH)
    ]
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def predict(model: Model, prepared: Arrays) -> tuple[Floats, npt.NDArray[np.float32] | None]:
    """Return statistics [N, S] and maps [N, h, w, K] of prepared pictures."""
    statistics, maps = [], []
    for start in range(0, len(prepared[0]), BATCH):
        scored = model([tf.constant(part[start : start + BATCH]) for part in prepared])
        statistics.append(scored.statistics.numpy())
        if scored.map is not None:
            maps.append(scored.map.numpy())
    return np.concatenate(statistics).astype(np.float64), np.concatenate(maps) if maps else None


def cross_validate(
    detector: Detector,
    prepared: Arrays,
    labels: Labels,
    fold: npt.NDArray[np.intp],
    seed: int,
    nested: bool = True,
) -> OutOfFold:
    """Fit without every fold and, if `nested`, every pair of folds; predict the pictures left out."""
    folds = int(fold.max()) + 1
    outer: Floats | None = None
    inner: Floats | None = None
    maps: npt.NDArray[np.float32] | None = None
    for first in range(folds):
        for second in range(first, folds if nested else first + 1):
            kept = np.nonzero((fold != first) & (fold != second))[0]
            model = detector.fit(tuple(part[kept] for part in prepared), labels.take(kept), seed)
            left = np.nonzero((fold == first) | (fold == second))[0]
            statistics, found = predict(model, tuple(part[left] for part in prepared))
            if outer is None or inner is None:
                outer = np.zeros((fold.size, statistics.shape[1]))
                inner = np.zeros((folds if nested else 0, fold.size, statistics.shape[1]))
            if first == second:
                outer[left] = statistics
                if found is not None:
                    maps = np.zeros((fold.size, *found.shape[1:]), np.float32) if maps is None else maps
                    maps[left] = found
            else:
                inner[first][left[fold[left] == second]] = statistics[fold[left] == second]
                inner[second][left[fold[left] == first]] = statistics[fold[left] == first]
    assert outer is not None and inner is not None
    return OutOfFold(outer, inner, maps)
