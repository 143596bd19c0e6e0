"""Intervals of few samples hold what they promise: simulations of known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from brume import statistics

AT_LEAST = 0.93  # of the 95 % promised


@pytest.mark.parametrize("patients", [4, 10, 20, 50, 100])
@pytest.mark.parametrize("truth", [0.6, 0.9, 0.97])
def test_the_interval_of_a_share_covers_it(patients: int, truth: float) -> None:
    """A percentile bootstrap covered .63 at 10 patients and a true accuracy of .9, .35 at four."""
    hits = np.random.default_rng(patients).binomial(patients, truth, 4000)
    covered = 0
    for number, times in zip(*np.unique(hits, return_counts=True), strict=True):
        found = statistics.exact_interval(number / patients, patients)
        covered += times * (found.low <= truth <= found.high)
    assert covered / len(hits) >= AT_LEAST


@pytest.mark.parametrize("patients", [4, 10, 20, 50, 100])
@pytest.mark.parametrize("truth", [0.6, 0.9, 0.97])
@pytest.mark.parametrize("alike", [0.2, 2.0])
def test_it_covers_a_share_of_slides_that_patients_have_several_of(
    patients: int, truth: float, alike: float
) -> None:
    """`alike`: how far slides of a patient go together, the less the more; 1 to 5 slides a patient."""
    chance = np.random.default_rng(patients)
    covered, draws = 0, 1000
    for _ in range(draws):
        slides = chance.integers(1, 6, patients)
        right = chance.binomial(slides, chance.beta(alike * truth, alike * (1 - truth), patients))
        found = statistics.exact_interval(right.sum() / slides.sum(), statistics.effective_groups(slides))
        covered += found.low <= truth <= found.high
    assert covered / draws >= AT_LEAST


@pytest.mark.parametrize(("positive", "negative"), [(7, 13), (10, 10), (20, 20), (50, 50)])
@pytest.mark.parametrize("truth", [0.7, 0.9, 0.98])
def test_the_interval_of_an_auroc_covers_it(positive: int, negative: int, truth: float) -> None:
    """A percentile bootstrap covered .73 with 7 and 13 patients."""
    chance = np.random.default_rng(positive)
    draws = 1000
    high = chance.normal(norm.ppf(truth) * 2**0.5, 1, (draws, positive, 1))
    areas = (high > chance.normal(0, 1, (draws, 1, negative))).mean(axis=(1, 2))
    covered = 0
    for area, times in zip(*np.unique(areas, return_counts=True), strict=True):
        found = statistics.auroc_interval(float(area), positive, negative)
        covered += times * (found.low <= truth <= found.high)
    assert covered / draws >= AT_LEAST


def test_groups_of_unlike_size_tell_less() -> None:
    assert statistics.effective_groups(np.array([3, 3, 3])) == pytest.approx(3)
    assert statistics.effective_groups(np.array([9, 1])) == pytest.approx(100 / 82)
