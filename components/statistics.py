"""Confidence intervals: by a bootstrap over groups, and such of shares and of AUROC that hold for few.

The bootstrap shows how far a metric moves with other groups. All samples of a group (the slides of a
patient, the images of a part) are drawn together, because they are not independent (the cluster bootstrap:
Davison and Hinkley 1997, section 3.8). A resample is a row of weights, so that no sample is copied: draw the
weights once, compute each metric under them, then take its `interval`. Of few groups, or where a metric is
perfect, a bootstrap's interval is too narrow or has no width at all; those of `share_interval`,
`exact_interval` and `auroc_interval` hold there too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95

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


def ratios(above: Floats, below: Floats, weights: NDArray[np.uint16]) -> Floats:
    """Return sum(`above`) / sum(`below`), both [samples], in each resample; NaN where `below` sums to 0.

    Precision is hits over positive predictions, recall is hits over positives, F1 is twice the hits over
    the sum of both.
    """
    return _ratio(weights @ above, weights @ below)


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


def effective_groups(sizes: NDArray[np.int64]) -> float:
    """Return how many groups of equal size tell as much as groups of these `sizes` (Kish 1965).

    Samples of a group count as one: what they add, if they differ, is left out, on the safe side.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def exact_interval(share: float, count: float) -> Interval:
    """Return the interval of Clopper and Pearson (1934) of a share of `count` independent samples.

    `count` need not be whole: it may be of effective groups (Korn and Graubard 1998).
    """
    from scipy.stats import beta

    tail, hits = (1 - CONFIDENCE) / 2, share * count
    low = beta.ppf(tail, hits, count - hits + 1) if share > 0 else 0.0
    high = beta.ppf(1 - tail, hits + 1, count - hits) if share < 1 else 1.0
    return Interval(float(low), float(high))


def auroc_interval(area: float, positive: float, negative: float) -> Interval:
    """Return the interval of an area under the ROC curve over `positive` and `negative` samples.

    Both are above 0, and may be effective numbers of groups. Newcombe (2006, Statistics in Medicine 25:559,
    method 5): the areas from which the measured one is no farther than z standard errors, which are taken at
    the area in question (Hanley and McNeil's, for equal group sizes). It stays within 0..1, and has a width
    also for an area of 1.
    """
    # The standard error at an area is that at its mirror image: so is the interval.
    return Interval(_lowest_area(area, positive, negative), 1 - _lowest_area(1 - area, positive, negative))


def _lowest_area(area: float, positive: float, negative: float) -> float:
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
