"""Confidence intervals: by a bootstrap over groups, and score intervals of shares and of AUROC.

The bootstrap shows how far a metric moves with other groups. All samples of a group (the slides of a
patient, the images of a part) are drawn together, because they are not independent (the cluster bootstrap:
Davison and Hinkley 1997, section 3.8). A resample is a row of weights, so that no sample is copied: draw the
weights once, compute each metric under them, then take its `interval`. Where a metric is perfect a bootstrap
gives an interval of no width; score intervals do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_RESAMPLES_AT_ONCE = 100  # bounds the memory to this many weights a sample

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval; `resamples` is how many resamples had the metric defined (0: no bootstrap)."""

    low: float
    high: float
    resamples: int = 0


def draw(group: NDArray[np.int64], seed: int, resamples: int) -> NDArray[np.uint16]:
    """Draw groups with replacement, as many as there are.

    `group` gives each sample's group as a number from 0 (`np.arange(n)`: each sample by itself). Returns
    [resamples, samples]: how often each sample is in each resample. The same seed gives the same draw.
    """
    count = int(group.max()) + 1 if group.size else 0
    if not count:
        return np.zeros((resamples, 0), dtype=np.uint16)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.uint16)
    return drawn[:, group]


def means(values: Floats, weights: NDArray[np.uint16]) -> Floats:
    """Return the mean of `values` [samples] in each resample; NaN where a resample is empty."""
    return _ratio(weights @ values, weights.sum(axis=1, dtype=np.float64))


def ratios(above: Floats, below: Floats, weights: NDArray[np.uint16]) -> Floats:
    """Return sum(`above`) / sum(`below`), both [samples], in each resample; NaN where `below` sums to 0.

    Precision is hits over positive predictions, recall is hits over positives, F1 is twice the hits over
    the sum of both.
    """
    return _ratio(weights @ above, weights @ below)


def aucs(positive: NDArray[np.bool_], values: Floats, weights: NDArray[np.uint16]) -> Floats:
    """Return the area under the ROC curve in each resample; NaN where only one class was drawn.

    The area is the share of (positive, negative) pairs that `values` puts in the right order, ties counting
    half (Mann and Whitney), here over weighted samples.
    """
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf))  # first sample of each run of equal values
    found = np.empty(len(weights))
    for first in range(0, len(weights), _RESAMPLES_AT_ONCE):
        part = weights[first : first + _RESAMPLES_AT_ONCE, order].astype(np.float64)
        above = np.add.reduceat(part * positive[order], starts, axis=1)
        below = np.add.reduceat(part * ~positive[order], starts, axis=1)
        right = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        pairs = above.sum(axis=1) * below.sum(axis=1)
        found[first : first + _RESAMPLES_AT_ONCE] = _ratio(right, pairs)
    return found


def interval(samples: Floats) -> Interval | None:
    """Return the 95 % percentile interval of the resamples that define the metric.

    None where fewer than half of them do: the rest would depend more on the draw than on the data.
    """
    defined = samples[np.isfinite(samples)]
    if not len(samples) or len(defined) < len(samples) / 2:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high), len(defined))


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
    return ratio


def share_interval(hits: int, total: int) -> Interval:
    """Return Wilson's score interval of a share `hits` / `total` of independent samples; `total` is not 0."""
    from scipy.stats import binomtest  # late: SciPy takes a second to import

    found = binomtest(hits, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(found.low), float(found.high))


def auroc_interval(area: float, positive: int, negative: int) -> Interval:
    """Return the interval of an area under the ROC curve over `positive` and `negative` samples.

    Both are above 0. Newcombe (2006, Statistics in Medicine 25:559, method 5): the areas from which the
    measured one is no farther than z standard errors, which are taken at the area in question (Hanley and
    McNeil's, for equal group sizes). It stays within 0..1, and has a width also for an area of 1.
    """
    # The standard error at an area is that at its mirror image: so is the interval.
    return Interval(_lowest_area(area, positive, negative), 1 - _lowest_area(1 - area, positive, negative))


def _lowest_area(area: float, positive: int, negative: int) -> float:
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    mean_size = (positive + negative) / 2 - 1

    def excess(other: float) -> float:
        spread = 1 + mean_size * ((1 - other) / (2 - other) + other / (1 + other))
        variance = other * (1 - other) * spread / (positive * negative)
        return float(area - other - z * variance**0.5)

    # `area` itself is a second root where it is 1, so the search ends just below it.
    below = area * (1 - 1e-12)
    return float(brentq(excess, 0.0, below)) if below > 0 else 0.0
