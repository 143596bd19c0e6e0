"""Metrics of a model: counts, precision, recall, F1, AUROC and ROC, from labels and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Numbers = Sequence[float] | npt.NDArray[np.float64]
Labels = Sequence[bool] | npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Figures:
    """A model against labels; anomalous is the positive class.

    A figure that is not defined is None: precision when nothing was called anomalous, recall without
    anomalous images, F1 when both are wanting, AUROC and average precision with one class only.
    """

    images: int
    anomalous: int
    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    precision: float | None
    recall: float | None
    f1: float | None
    accuracy: float | None
    auroc: float | None
    average_precision: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers and None, ready for `json.dumps(..., allow_nan=False)`."""
        return asdict(self)


def figures(labels: Labels, probabilities: Numbers, threshold: float) -> Figures:
    """Return the figures of images whose `probabilities` of being anomalous are called at `threshold`."""
    truth = np.asarray(labels, dtype=bool)
    given = np.asarray(probabilities, dtype=np.float64)
    if truth.shape != given.shape:
        raise ValueError(f"{truth.size} labels for {given.size} probabilities")
    called = given >= threshold
    hits, false = int((called & truth).sum()), int((called & ~truth).sum())
    missed, right = int((~called & truth).sum()), int((~called & ~truth).sum())
    return Figures(
        images=truth.size,
        anomalous=int(truth.sum()),
        threshold=float(threshold),
        true_positives=hits,
        false_positives=false,
        false_negatives=missed,
        true_negatives=right,
        precision=_ratio(hits, hits + false),
        recall=_ratio(hits, hits + missed),
        f1=_ratio(2 * hits, 2 * hits + false + missed),
        accuracy=_ratio(hits + right, truth.size),
        auroc=auroc(truth, given),
        average_precision=average_precision(truth, given),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def auroc(labels: Labels, scores: Numbers) -> float | None:
    """Return the chance that an anomalous image scores above a normal one, ties counting half.

    This is the area under the ROC curve by the Mann-Whitney statistic. None with one class only.
    """
    truth = np.asarray(labels, dtype=bool)
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return None
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(labels: Labels, scores: Numbers) -> float | None:
    """Return the mean over recall of the precision at each threshold, a step function."""
    truth = np.asarray(labels, dtype=bool)
    given = np.asarray(scores, dtype=np.float64)
    positive = int(truth.sum())
    if not positive or positive == truth.size:
        return None
    order = np.argsort(-given, kind="stable")
    ends = np.append(np.nonzero(np.diff(given[order]))[0], truth.size - 1)
    hits = np.cumsum(truth[order])[ends]
    gained = np.diff(np.concatenate([[0], hits]))
    return float((gained * hits / (ends + 1)).sum() / positive)


def roc(labels: Labels, scores: Numbers) -> list[tuple[float, float, float]]:
    """Return points (false positive rate, true positive rate, threshold), from (0, 0) to (1, 1).

    The first threshold, which no image reaches, is given as 1. Empty with one class only.
    """
    truth = np.asarray(labels, dtype=bool)
    given = np.asarray(scores, dtype=np.float64)
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return []
    order = np.argsort(-given, kind="stable")
    ends = np.append(np.nonzero(np.diff(given[order]))[0], truth.size - 1)
    hits, false = np.cumsum(truth[order])[ends], np.cumsum(~truth[order])[ends]
    points = [(0.0, 0.0, 1.0)]
    points += [
        (float(x), float(y), float(t))
        for x, y, t in zip(false / negative, hits / positive, given[order][ends], strict=True)
    ]
    return points
