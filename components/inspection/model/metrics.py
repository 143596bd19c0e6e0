"""Metrics of a model from labels and probabilities: counts, precision, recall, F1, AUROC."""

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
class ModelMetrics:
    """A model against labels; anomalous is the positive class.

    A metric that is not defined is None: precision when nothing was called anomalous, recall without
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


def model_metrics(anomalous: Labels, probabilities: Numbers, threshold: float) -> ModelMetrics:
    """Return the metrics of images, `anomalous` or not [N], whose `probabilities` decide at `threshold`."""
    anomalous = np.asarray(anomalous, dtype=bool)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if anomalous.shape != probabilities.shape:
        raise ValueError(f"{anomalous.size} labels for {probabilities.size} probabilities")
    called = probabilities >= threshold
    hits, false = int((called & anomalous).sum()), int((called & ~anomalous).sum())
    missed, right = int((~called & anomalous).sum()), int((~called & ~anomalous).sum())
    return ModelMetrics(
        images=anomalous.size,
        anomalous=int(anomalous.sum()),
        threshold=float(threshold),
        true_positives=hits,
        false_positives=false,
        false_negatives=missed,
        true_negatives=right,
        precision=_ratio(hits, hits + false),
        recall=_ratio(hits, hits + missed),
        f1=_ratio(2 * hits, 2 * hits + false + missed),
        accuracy=_ratio(hits + right, anomalous.size),
        auroc=auroc(anomalous, probabilities),
        average_precision=average_precision(anomalous, probabilities),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def auroc(anomalous: Labels, scores: Numbers) -> float | None:
    """Return the chance that an anomalous image scores above a normal one, ties counting half.

    This is the area under the ROC curve by the Mann-Whitney statistic. None with one class only.
    """
    anomalous = np.asarray(anomalous, dtype=bool)
    positive, negative = int(anomalous.sum()), int((~anomalous).sum())
    if not positive or not negative:
        return None
    ranks = rankdata(np.asarray(scores, dtype=np.float64))
    return float((ranks[anomalous].sum() - positive * (positive + 1) / 2) / (positive * negative))


def average_precision(anomalous: Labels, scores: Numbers) -> float | None:
    """Return the mean over recall of the precision at each threshold, a step function."""
    anomalous = np.asarray(anomalous, dtype=bool)
    scores = np.asarray(scores, dtype=np.float64)
    positive = int(anomalous.sum())
    if not positive or positive == anomalous.size:
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.nonzero(np.diff(scores[order]))[0], anomalous.size - 1)
    hits = np.cumsum(anomalous[order])[ends]
    gained = np.diff(np.concatenate([[0], hits]))
    return float((gained * hits / (ends + 1)).sum() / positive)


def roc(anomalous: Labels, scores: Numbers) -> list[tuple[float, float, float]]:
    """Return points (false positive rate, true positive rate, threshold), from (0, 0) to (1, 1).

    The first threshold, which no image reaches, is scores as 1. Empty with one class only.
    """
    anomalous = np.asarray(anomalous, dtype=bool)
    scores = np.asarray(scores, dtype=np.float64)
    positive, negative = int(anomalous.sum()), int((~anomalous).sum())
    if not positive or not negative:
        return []
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.nonzero(np.diff(scores[order]))[0], anomalous.size - 1)
    hits, false = np.cumsum(anomalous[order])[ends], np.cumsum(~anomalous[order])[ends]
    points = [(0.0, 0.0, 1.0)]
    points += [
        (float(x), float(y), float(t))
        for x, y, t in zip(false / negative, hits / positive, scores[order][ends], strict=True)
    ]
    return points
