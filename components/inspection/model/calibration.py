"""From scores to probabilities, and from those to a decision, by out-of-fold scores alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, ndtr
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
FALSE_ALARMS = 0.05  # the share of normal images called anomalous that a threshold by normals aims at
_STEPS = 400


@dataclass(frozen=True)
class Sigmoid:
    """probability = 1 / (1 + exp(-(a * score + b))), with a > 0."""

    a: float
    b: float

    def probability(self, score: float) -> float:
        """Return the probability of being anomalous, in 0..1."""
        value = self.a * score + self.b
        if value >= 0:
            return 1 / (1 + math.exp(-min(value, 700)))
        return math.exp(max(value, -700)) / (1 + math.exp(max(value, -700)))

    def probabilities(self, scores: Floats) -> Floats:
        """Return those of many scores."""
        return np.asarray(expit(self.a * scores + self.b))


@dataclass(frozen=True)
class Calibration:
    """The sigmoid, the threshold on its probabilities, and the `probabilities` [N] of the scores."""

    sigmoid: Sigmoid
    threshold: float
    probabilities: Floats


def calibrate(
    scores: Floats, anomalous: Bools, enough: int, miss_cost: float = 0, false_alarm_cost: float = 0
) -> Calibration:
    """Set the sigmoid and the threshold by the out-of-fold scores [N] of images, `anomalous` or not.

    With fewer than `enough` anomalous images both are set by the normal ones, whatever the costs.
    """
    count = int(anomalous.sum())
    if count < enough:
        sigmoid = by_normals(scores[~anomalous])
        probabilities = sigmoid.probabilities(scores)
        return Calibration(sigmoid, few_threshold(probabilities, anomalous, count / enough), probabilities)
    sigmoid = platt(scores, anomalous)
    probabilities = sigmoid.probabilities(scores)
    threshold = choose_threshold(probabilities, anomalous, miss_cost, false_alarm_cost)
    return Calibration(sigmoid, threshold, probabilities)


def platt(scores: Floats, anomalous: Bools) -> Sigmoid:
    """Fit the sigmoid by maximum likelihood, to targets drawn in from 0 and 1.

    Platt (1999): the targets are 1 / (n0 + 2) for n0 normal and (n1 + 1) / (n1 + 2) for n1 anomalous images,
    so that perfectly separated scores give no certainty. The slope is kept above 0: a higher score is never
    a lower probability.
    """
    positive, negative = int(anomalous.sum()), int((~anomalous).sum())
    target = np.where(anomalous, (positive + 1) / (positive + 2), 1 / (negative + 2))
    middle, scale = float(np.median(scores)), float(scores.std()) or 1.0
    z = (scores - middle) / scale

    def loss(parameters: Floats) -> tuple[float, Floats]:
        slope = math.exp(parameters[0])
        value = slope * z + parameters[1]
        difference = expit(value) - target
        gradient = np.array([(difference * z).sum() * slope, difference.sum()])
        return float((np.logaddexp(0, value) - target * value).sum()), gradient

    prior = math.log((positive + 1) / (negative + 1))
    found = minimize(loss, np.array([0.0, prior]), jac=True, method="L-BFGS-B", bounds=[(-7, 7), (-50, 50)])
    a = math.exp(found.x[0]) / scale
    return Sigmoid(a, float(found.x[1]) - a * middle)


def by_normals(scores: Floats, false_alarms: float = FALSE_ALARMS) -> Sigmoid:
    """Return a sigmoid from normal images alone: 0.5 lies where a share `false_alarms` of them is exceeded.

    That score is the upper prediction limit of a normal distribution for one more image (Whitmore, 1986),
    mean + t * deviation * sqrt(1 + 1 / n) with Student's t of n - 1: the tail is fitted, not left to the
    highest of a few scores. The share is at least 1 / (n + 1), the smallest that the ranks of n scores could
    promise. The mean normal image gets 0.05. Without anomalous images these are no frequencies: they order
    images, and 0.5 separates them.
    """
    count = scores.size
    share = max(false_alarms, 1 / (count + 1))
    mean, deviation = float(scores.mean()), float(scores.std(ddof=1))
    reach = float(student.ppf(1 - share, count - 1)) * math.sqrt(1 + 1 / count)
    a = math.log(19) / max(reach * deviation, 1e-6)
    return Sigmoid(a, -a * mean - math.log(19))


def few_threshold(probabilities: Floats, anomalous: Bools, share: float) -> float:
    """Return the threshold on probabilities of `by_normals` when there are few anomalous images.

    `share` (0..1) is their number relative to enough. An anomalous image above the normals' limit does not
    inform about fainter ones; one below it shows that the limit is too high. So the threshold is moved from
    0.5 towards that of `choose_threshold` by `share`, on the logit scale, and only downwards.
    """
    if not anomalous.any():
        return 0.5
    chosen = float(_logit(np.array([choose_threshold(probabilities, anomalous)]))[0])
    return float(expit(min(0.0, share * chosen)))


def choose_threshold(
    probabilities: Floats, anomalous: Bools, miss_cost: float = 0, false_alarm_cost: float = 0
) -> float:
    """Return the probability from which on an image is called anomalous.

    With both costs 0 the F1 score is made greatest, else the expected cost made least. Either is computed
    with every out-of-fold score spread by a Gaussian on the logit scale: the counts become smooth, and where
    a whole range of thresholds serves the images at hand equally, the one farthest from both sides is taken.
    """
    if not anomalous.any() or anomalous.all():
        return 0.5
    logits = _logit(probabilities)
    spread = np.sqrt((logits[anomalous].var() + logits[~anomalous].var()) / 2)
    width = max(0.1, 0.5 * float(spread) * logits.size**-0.2)
    candidates = np.linspace(logits.min() - width, logits.max() + width, _STEPS)
    called = ndtr((logits[None, :] - candidates[:, None]) / width)
    hits, false = called[:, anomalous].sum(axis=1), called[:, ~anomalous].sum(axis=1)
    missed = anomalous.sum() - hits
    if miss_cost or false_alarm_cost:
        merit = -(miss_cost * missed + false_alarm_cost * false)
    else:
        merit = 2 * hits / (2 * hits + false + missed)
    best = np.nonzero(merit >= merit.max() - 1e-9)[0]
    return float(expit(candidates[best[len(best) // 2]]))


def _logit(probabilities: Floats) -> Floats:
    safe = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(safe) - np.log1p(-safe))
