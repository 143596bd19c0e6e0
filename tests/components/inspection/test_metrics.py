"""Metrics of a model, by hand and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from brume.inspection.model.metrics import auroc, average_precision, model_metrics, roc

LABELLED = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=40)


def test_figures_by_hand() -> None:
    found = model_metrics([True, True, True, False, False], [0.9, 0.6, 0.2, 0.6, 0.1], 0.5)
    counts = (found.true_positives, found.false_positives, found.false_negatives, found.true_negatives)
    assert counts == (2, 1, 1, 1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx(3 / 5)
    assert found.auroc == pytest.approx((2 + 1.5 + 1) / 6)


def test_what_is_not_defined_is_none() -> None:
    found = model_metrics([False, False], [0.1, 0.2], 0.5)
    assert (found.precision, found.recall, found.f1, found.auroc, found.average_precision) == (None,) * 5


def test_the_threshold_itself_is_anomalous() -> None:
    assert model_metrics([True], [0.5], 0.5).true_positives == 1


@given(LABELLED)
def test_areas_agree_with_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    if labels.all() or not labels.any():
        assert auroc(labels, scores) is None
        return
    assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores))
    points = np.array(roc(labels, scores))
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(roc_auc_score(labels, scores))


@given(LABELLED, st.floats(0.1, 10), st.floats(-5, 5))
def test_auroc_does_not_see_scale_and_offset(
    pairs: list[tuple[bool, int]], scale: float, offset: float
) -> None:
    labels, scores = np.array([p[0] for p in pairs]), np.array([float(p[1]) for p in pairs])
    assert auroc(labels, scores) == auroc(labels, scores * scale + offset)
