"""95 % confidence intervals of a model's metrics on test images, from its counts.

A bootstrap would give a perfect metric an interval of no width however few the images, so score intervals
are used, which hold there too. Precision and recall are shares of images: Wilson's interval. F1 is a monotone
function of another such share, J = TP / (TP + FP + FN): F1 = 2 J / (1 + J) (Hand, Christen and Kirielle,
2021).
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from brume.inspection.model.metrics import Figures

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A two-sided confidence interval."""

    low: float
    high: float


def intervals(figures: Figures) -> dict[str, Interval]:
    """Return the intervals of precision, recall, f1 and auroc, by name; without those that are undefined."""
    hits, false, missed = figures.true_positives, figures.false_positives, figures.false_negatives
    found: dict[str, Interval] = {}
    if figures.precision is not None:
        found["precision"] = share_interval(hits, hits + false)
    if figures.recall is not None:
        found["recall"] = share_interval(hits, hits + missed)
    if figures.f1 is not None:
        overlap = share_interval(hits, hits + false + missed)
        found["f1"] = Interval(*(2 * bound / (1 + bound) for bound in (overlap.low, overlap.high)))
    if figures.auroc is not None:
        found["auroc"] = auroc_interval(figures.auroc, figures.anomalous, figures.images - figures.anomalous)
    return found


def share_interval(hits: int, total: int) -> Interval:
    """Return Wilson's score interval of a share `hits` / `total` of independent images; `total` is not 0."""
    found = binomtest(hits, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(found.low), float(found.high))


def auroc_interval(area: float, positive: int, negative: int) -> Interval:
    """Return the interval of an area under the ROC curve over `positive` and `negative` images, above 0 each.

    Newcombe (2006, Statistics in Medicine 25:559, method 5): the areas from which the measured one is no
    farther than z standard errors, which are taken at the area in question (Hanley and McNeil's, for equal
    group sizes). It stays within 0..1, and has a width also for an area of 1.
    """
    # The standard error at an area is that at its mirror image: so is the interval.
    return Interval(_lowest_area(area, positive, negative), 1 - _lowest_area(1 - area, positive, negative))


def _lowest_area(area: float, positive: int, negative: int) -> float:
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    mean_size = (positive + negative) / 2 - 1

    def excess(other: float) -> float:
        spread = 1 + mean_size * ((1 - other) / (2 - other) + other / (1 + other))
        variance = other * (1 - other) * spread / (positive * negative)
        return float(area - other - z * variance**0.5)

    # `area` itself is a second root where it is 1, so the search ends just below it.
    below = area * (1 - 1e-12)
    return float(brentq(excess, 0.0, below)) if below > 0 else 0.0
