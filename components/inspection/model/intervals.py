"""95 % confidence intervals of a model's metrics on test images, from its counts.

A bootstrap would give a perfect metric an interval of no width however few the images, so score intervals
are used, which hold there too. Precision and recall are shares of images: Wilson's interval. F1 is a monotone
function of another such share, J = TP / (TP + FP + FN): F1 = 2 J / (1 + J) (Hand, Christen and Kirielle,
2021).
"""

from __future__ import annotations

from brume.inspection.model.metrics import ModelMetrics
from brume.statistics import Interval, auroc_interval, share_interval


def intervals(metrics: ModelMetrics) -> dict[str, Interval]:
    """Return the intervals of precision, recall, f1 and auroc, by name; without those that are undefined."""
    hits, false, missed = metrics.true_positives, metrics.false_positives, metrics.false_negatives
    found: dict[str, Interval] = {}
    if metrics.precision is not None:
        found["precision"] = share_interval(hits, hits + false)
    if metrics.recall is not None:
        found["recall"] = share_interval(hits, hits + missed)
    if metrics.f1 is not None:
        overlap = share_interval(hits, hits + false + missed)
        low, high = (2 * bound / (1 + bound) for bound in (overlap.low, overlap.high))
        found["f1"] = Interval(low, high)
    if metrics.auroc is not None:
        found["auroc"] = auroc_interval(metrics.auroc, metrics.anomalous, metrics.images - metrics.anomalous)
    return found
