"""Confidence intervals of a model's metrics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.inspection.model.intervals import intervals
from brume.inspection.model.metrics import auroc, model_metrics
from brume.statistics import auroc_interval, share_interval

IMAGES = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=40)


@given(IMAGES)
def test_every_defined_metric_lies_in_its_interval(images: list[tuple[bool, float]]) -> None:
    found = model_metrics([truth for truth, _ in images], [probability for _, probability in images], 0.5)
    known = intervals(found)
    for name in ("precision", "recall", "f1", "auroc"):
        value = getattr(found, name)
        assert (name in known) == (value is not None)
        if value is not None:
            assert 0 <= known[name].low <= value + 1e-9
            assert value - 1e-9 <= known[name].high <= 1 + 1e-9
            assert known[name].low < known[name].high  # no metric of a sample is certain


def test_a_perfect_metric_of_few_images_is_not_certain() -> None:
    labels = [True] * 4 + [False] * 4
    found = intervals(model_metrics(labels, [0.9] * 4 + [0.1] * 4, 0.5))
    assert found["recall"].low == pytest.approx(4 / (4 + 1.959964**2))  # Wilson's bound for 4 of 4
    assert {found[name].high for name in found} == {1.0}
    more = intervals(model_metrics(labels * 10, ([0.9] * 4 + [0.1] * 4) * 10, 0.5))
    assert all(more[name].low > found[name].low for name in found)


@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_auroc_intervals_mirror(positive: int, negative: int, area: float) -> None:
    found, mirrored = auroc_interval(area, positive, negative), auroc_interval(1 - area, positive, negative)
    assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-6)


def test_intervals_cover_the_true_value_about_as_often_as_they_say() -> None:
    """400 test sets of 12 normal and 8 anomalous images with a true AUROC of 0.921 and recall of 0.8."""
    random = np.random.default_rng(0)
    labels = np.arange(20) >= 12
    covered = {"auroc": 0, "recall": 0}
    for _ in range(400):
        area = auroc(labels, random.normal(size=20) + 2 * labels)
        assert area is not None
        found = auroc_interval(area, 8, 12)
        covered["auroc"] += found.low <= 0.9214 <= found.high
        share = share_interval(int(random.binomial(8, 0.8)), 8)
        covered["recall"] += share.low <= 0.8 <= share.high
    assert all(0.92 <= count / 400 <= 0.99 for count in covered.values()), covered
