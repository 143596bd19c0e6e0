"""The detector to use, by stratified cross-validation on the project's own images.

Everything that touches an image's score has not seen that image: for fold i, detectors learn from the other
folds; the head that weighs their statistics learns from statistics which, for every picture of a fold j, come
from detectors fitted without i and j. A model without folds i and j serves both directions, so K folds take
K (K + 1) / 2 fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brume.inspection.model.calibration import platt
from brume.inspection.model.detectors import Arrays, Detector, Labels, Model
from brume.inspection.model.metrics import auroc
from brume.inspection.model.scoring_head import fit_head, plain_head

Floats = npt.NDArray[np.float64]
BATCH = 16


@dataclass(frozen=True)
class Judged:
    """Statistics of every picture by models that had not seen it.

    `outer` [N, S] comes from the model without the picture's own fold; `inner[i]` [N, S] from the one without
    fold i and the picture's own (rows of fold i itself are undefined; there is no i unless nested).
    `maps` [N, h, w, K] belong to `outer`.
    """

    outer: Floats
    inner: Floats
    maps: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Tried:
    """One way to score, and how it did on pictures it had not seen (None: too few anomalous ones to tell)."""

    detectors: tuple[str, ...]
    auroc: float | None
    loss: float | None
    scores: Floats

    @property
    def name(self) -> str:
        """Return the detector's name, or `stack(...)` of several."""
        return self.detectors[0] if len(self.detectors) == 1 else f"stack({', '.join(self.detectors)})"


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
    import tensorflow as tf

    batches = [
        [part.numpy() for part in detector.prepare(tf.constant(pictures[start : start + BATCH]))]
        for start in range(0, len(pictures), BATCH)
    ]
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


def judge(model: Model, prepared: Arrays) -> tuple[Floats, npt.NDArray[np.float32] | None]:
    """Return statistics [N, S] and maps of prepared pictures."""
    import tensorflow as tf

    statistics, maps = [], []
    for start in range(0, len(prepared[0]), BATCH):
        scored = model([tf.constant(part[start : start + BATCH]) for part in prepared])
        statistics.append(scored.statistics.numpy())
        if scored.map is not None:
            maps.append(scored.map.numpy())
    return np.concatenate(statistics).astype(np.float64), np.concatenate(maps) if maps else None


def cross_judge(
    detector: Detector,
    prepared: Arrays,
    labels: Labels,
    fold: npt.NDArray[np.intp],
    seed: int,
    nested: bool = True,
) -> Judged:
    """Fit without every fold and, `nested`, every pair of folds, and judge the pictures left out."""
    folds = int(fold.max()) + 1
    outer: Floats | None = None
    inner: Floats | None = None
    maps: npt.NDArray[np.float32] | None = None
    for first in range(folds):
        for second in range(first, folds if nested else first + 1):
            kept = np.nonzero((fold != first) & (fold != second))[0]
            model = detector.fit(tuple(part[kept] for part in prepared), labels.take(kept), seed)
            left = np.nonzero((fold == first) | (fold == second))[0]
            statistics, found = judge(model, tuple(part[left] for part in prepared))
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
    return Judged(outer, inner, maps)


def out_of_fold(
    judged: Sequence[Judged], anomalous: npt.NDArray[np.bool_], fold: npt.NDArray[np.intp]
) -> Floats:
    """Return the scores [N] of detectors together, each by a head that had not seen the picture."""
    scores = np.zeros(fold.size)
    for index in range(int(fold.max()) + 1):
        rest, left = fold != index, fold == index
        head = fit_head(np.concatenate([one.inner[index][rest] for one in judged], axis=1), anomalous[rest])
        scores[left] = head(np.concatenate([one.outer[left] for one in judged], axis=1))
    return scores


def rate(names: Sequence[str], scores: Floats, anomalous: npt.NDArray[np.bool_]) -> Tried:
    """Judge out-of-fold scores: AUROC, and the mean log loss after calibration, in nats."""
    probability = np.clip(platt(scores, anomalous).probabilities(scores), 1e-6, 1 - 1e-6)
    loss = -np.where(anomalous, np.log(probability), np.log1p(-probability)).mean()
    return Tried(tuple(names), auroc(anomalous, scores) or 0.0, float(loss), scores)


def together(judged: dict[str, Judged], anomalous: npt.NDArray[np.bool_]) -> Tried:
    """Score by all detectors alike, when there are too few anomalous pictures to choose or weigh by."""
    statistics = np.concatenate([one.outer for one in judged.values()], axis=1)
    scores = plain_head(statistics, anomalous)(statistics)
    return Tried(tuple(judged), auroc(anomalous, scores), None, scores)


def choose(
    judged: dict[str, Judged], anomalous: npt.NDArray[np.bool_], fold: npt.NDArray[np.intp]
) -> list[Tried]:
    """Return the ways to score, the best first: each detector alone, and all of them together.

    Ordered by the log loss of calibrated out-of-fold scores, which counts both order and margin.
    """
    names = [(name,) for name in judged] + ([tuple(judged)] if len(judged) > 1 else [])
    found = []
    for group in names:
        found.append(rate(group, out_of_fold([judged[name] for name in group], anomalous, fold), anomalous))
    return sorted(found, key=lambda tried: (tried.loss or 0.0, len(tried.detectors)))
