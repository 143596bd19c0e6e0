"""Calibration: probabilities and thresholds from out-of-fold scores."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.inspection.model.calibration import Sigmoid, by_normals, choose_threshold, few_threshold, platt
from brume.inspection.model.metrics import model_metrics

SCORES = st.lists(st.floats(-100, 100), min_size=6, max_size=40)


@given(SCORES, st.randoms(use_true_random=False))
def test_probabilities_are_in_range_and_never_fall_with_the_score(
    scores: list[float], random: object
) -> None:
    values = np.array(scores)
    labels = np.array([random.random() < 0.5 for _ in scores])  # type: ignore[attr-defined]
    labels[:2] = (True, False)
    for sigmoid in (platt(values, labels), by_normals(values)):
        found = sigmoid.probabilities(np.sort(values))
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found) >= 0).all()
        assert sigmoid.a > 0


@pytest.mark.parametrize("score", [-1e6, -3.0, 0.0, 3.0, 1e6])
def test_one_probability_is_that_of_many(score: float) -> None:
    sigmoid = Sigmoid(1.5, -0.3)
    assert sigmoid.probability(score) == pytest.approx(float(sigmoid.probabilities(np.array([score]))[0]))


def test_separated_scores_give_no_certainty() -> None:
    scores, labels = np.array([-2.0] * 10 + [2.0] * 10), np.array([False] * 10 + [True] * 10)
    low, high = platt(scores, labels).probabilities(np.array([-2.0, 2.0]))
    assert low == pytest.approx(1 / 12, abs=0.01)  # Platt's target 1 / (n + 2)
    assert high == pytest.approx(11 / 12, abs=0.01)


def test_calibrated_probabilities_are_frequencies() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, 4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-(2 * scores - 1)))
    sigmoid = platt(scores, labels)
    assert sigmoid.a == pytest.approx(2, rel=0.1)
    assert sigmoid.b == pytest.approx(-1, rel=0.15)


@pytest.mark.parametrize(("count", "allowed"), [(10, 1 / 11), (25, 0.05), (200, 0.05)])
def test_by_normals_as_many_false_alarms_as_allowed(count: int, allowed: float) -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(400):
        sigmoid = by_normals(rng.normal(3, 2, count))
        shares.append((sigmoid.probabilities(rng.normal(3, 2, 200)) >= 0.5).mean())
    assert np.mean(shares) == pytest.approx(allowed, abs=0.01)


def test_by_normals_the_mean_image_gets_a_twentieth() -> None:
    scores = np.random.default_rng(0).normal(size=50)
    assert by_normals(scores).probability(float(scores.mean())) == pytest.approx(0.05)


def test_a_few_anomalous_images_only_lower_the_threshold() -> None:
    normal = np.full(20, 0.05)
    labels = np.arange(22) >= 20
    missed = few_threshold(np.append(normal, [0.2, 0.3]), labels, 0.4)
    more = few_threshold(np.append(normal, [0.2, 0.3]), labels, 0.8)
    found = few_threshold(np.append(normal, [0.9, 0.99]), labels, 0.4)
    assert 0.05 < more < missed < 0.5
    assert found <= 0.5
    assert few_threshold(normal, labels[:20], 0.0) == 0.5


def test_the_threshold_lies_in_the_middle_of_a_gap() -> None:
    logits = np.array([-4.0, -3.5, -3.0, 3.0, 3.5, 4.0])
    probabilities = 1 / (1 + np.exp(-logits))
    threshold = choose_threshold(probabilities, logits > 0)
    assert abs(math.log(threshold / (1 - threshold))) < 1


def test_costs_move_the_threshold() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(200) < 100
    probabilities = 1 / (1 + np.exp(-(rng.normal(0, 1.5, 200) + np.where(labels, 1.0, -1.0))))
    careful = choose_threshold(probabilities, labels, miss_cost=10, false_alarm_cost=1)
    lenient = choose_threshold(probabilities, labels, miss_cost=1, false_alarm_cost=10)
    by_f1 = choose_threshold(probabilities, labels)
    assert careful < by_f1 < lenient
    assert (model_metrics(labels, probabilities, careful).recall or 0) > (
        model_metrics(labels, probabilities, lenient).recall or 0
    )


def test_without_anomalous_images_the_threshold_is_one_half() -> None:
    assert choose_threshold(np.array([0.1, 0.2]), np.array([False, False])) == 0.5
