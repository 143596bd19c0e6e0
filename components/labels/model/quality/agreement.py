"""Agreement beyond chance: Cohen's and Fleiss' kappa, Krippendorff's alpha.

All take codes (whole numbers that stand for categories) and return None where the figure is undefined:
no unit that two assessed, or a single category, where chance alone would agree fully.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from brume.labels.model.quality.arrays import Codes, Floats, compact

_TINY = 1e-12  # rounding, where the exact figure would be 0


def cohen_kappa(a: Codes, b: Codes) -> float | None:
    """Return Cohen's kappa of two workers' codes for the same units, arrays of equal length.

    kappa = (po - pe) / (1 - pe), where po is the share of equal codes and pe the sum over categories of the
    product of both workers' shares (Cohen, "A coefficient of agreement for nominal scales", 1960). 1 is full
    agreement, 0 that of chance, and below 0 less than that.
    """
    _, kappa, _ = cohen_kappas(np.zeros(a.size, dtype=np.int64), a, b)
    return float(kappa[0]) if kappa.size and np.isfinite(kappa[0]) else None


def cohen_kappas(groups: Codes, a: Codes, b: Codes) -> tuple[Codes, Floats, Codes]:
    """Return Cohen's kappa within each group of units, such as the units that a pair of workers share.

    Returns the groups, ascending, the kappa of each, NaN where it is undefined, and its number of units.
    """
    names, group, units = np.unique(groups, return_inverse=True, return_counts=True)
    width = int(max(a.max(initial=0), b.max(initial=0))) + 1
    cells, share = [], []
    for codes in (a, b):
        cell, count = np.unique(group * width + codes, return_counts=True)
        cells.append(cell)
        share.append(count / units[cell // width])
    both, in_a, in_b = np.intersect1d(cells[0], cells[1], assume_unique=True, return_indices=True)
    chance = np.bincount(both // width, share[0][in_a] * share[1][in_b], minlength=names.size)
    observed = np.bincount(group, a == b, minlength=names.size) / units
    defined = chance < 1 - _TINY
    return names, np.where(defined, (observed - chance) / np.where(defined, 1 - chance, 1), np.nan), units


def fleiss_kappa(units: Codes, codes: Codes) -> float | None:
    """Return Fleiss' kappa of ratings: the unit and the code of each, in any order.

    kappa = (P - Pe) / (1 - Pe): P is the mean over units of the share of agreeing pairs of ratings, Pe the
    sum of the squared shares of the categories (Fleiss, "Measuring nominal scale agreement among many
    raters", 1971). It is defined for one number of ratings a unit: of other data it takes the units with the
    most common number of ratings that is at least two.
    """
    units = compact(units)
    ratings = np.bincount(units)
    sizes = np.bincount(ratings[ratings >= 2])
    if not sizes.size:
        return None
    each = int(sizes.argmax())
    kept = ratings[units] == each
    _, by_unit, by_code = _counts(units[kept], codes[kept])
    total = sizes[each] * each
    agreeing = float((by_unit - each).sum()) / (total * (each - 1))
    return _beyond(agreeing, float(((by_code / total) ** 2).sum()))


def nominal_alpha(units: Codes, codes: Codes) -> float | None:
    """Return Krippendorff's alpha for categories of ratings: the unit and the code of each, in any order.

    alpha = 1 - Do / De over all pairs of ratings of a unit, a unit with m ratings weighing m; units with one
    rating do not count (Krippendorff, "Computing Krippendorff's alpha-reliability", 2011, sections A to C).
    Workers may leave out units, and units may differ in the number of their ratings.
    """
    paired = _paired(units)
    if not paired.any():
        return None
    ratings, by_unit, by_code = _counts(units[paired], codes[paired])
    total = int(ratings.sum())
    observed = float(((ratings**2 - by_unit) / (ratings - 1)).sum()) / total
    expected = float(total**2 - (by_code**2).sum()) / (total * (total - 1))
    return 1 - observed / expected if expected > 0 else None


def interval_alpha(units: Codes, values: Floats) -> float | None:
    """Return Krippendorff's alpha for numbers whose differences mean something, such as counts.

    As `nominal_alpha`, with the squared difference of two values as their disagreement (Krippendorff, 2011,
    section D). `values` are finite.
    """
    paired = _paired(units)
    if not paired.any():
        return None
    unit = compact(units[paired])
    value = values[paired] - values[paired].mean()
    ratings = np.bincount(unit)
    sums, squares = np.bincount(unit, value), np.bincount(unit, value**2)
    total = value.size
    observed = float(((2 * ratings * squares - 2 * sums**2) / (ratings - 1)).sum()) / total
    expected = float(2 * total * squares.sum() - 2 * value.sum() ** 2) / (total * (total - 1))
    return 1 - observed / expected if expected > _TINY else None


def _beyond(observed: float, chance: float) -> float | None:
    return (observed - chance) / (1 - chance) if chance < 1 - _TINY else None


def _paired(units: Codes) -> npt.NDArray[np.bool_]:
    """Mark the ratings whose unit has at least two."""
    unit = compact(units)
    return np.asarray(np.bincount(unit)[unit] >= 2) if unit.size else np.zeros(0, dtype=bool)


def _counts(units: Codes, codes: Codes) -> tuple[Codes, Codes, Codes]:
    """Return for each unit its ratings and the sum of its squared counts of a category, and each category's
    count. No table of units by categories is made: free text has as many categories as units.
    """
    unit, code = compact(units), compact(codes)
    width = int(code.max()) + 1
    cells, counts = np.unique(unit * width + code, return_counts=True)
    squares = np.bincount(cells // width, counts.astype(float) ** 2)
    return np.bincount(unit), np.rint(squares).astype(np.int64), np.bincount(code)
