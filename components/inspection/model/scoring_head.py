"""From a detector's statistics to one score: a linear model on standardised statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CLIP = 6.0  # standard deviations from the normal mean beyond which distance carries no information


@dataclass(frozen=True)
class Head:
    """score = clip((statistics - mean) / std, -CLIP, CLIP) @ weights + bias."""

    mean: Floats
    std: Floats
    weights: Floats
    bias: float

    def __call__(self, statistics: Floats) -> Floats:
        """Return scores [N] of statistics [N, S]."""
        z = np.clip((statistics - self.mean) / self.std, -CLIP, CLIP)
        return np.asarray(z @ self.weights + self.bias)


def plain_head(statistics: Floats, anomalous: npt.NDArray[np.bool_]) -> Head:
    """Weigh all statistics alike: the score is their mean in deviations of the normal pictures.

    Weights learned from defects that were drawn on normal pictures serve the drawn ones and miss the real.
    """
    mean, std = _normal(statistics, anomalous)
    return Head(mean, std, np.full(mean.size, 1 / mean.size), 0.0)


def fit_head(statistics: Floats, anomalous: npt.NDArray[np.bool_]) -> Head:
    """Fit on statistics that each come from a model which had not seen the picture.

    Logistic regression with L2, both classes weighing the same. Raises `ValueError` with one class only.
    """
    mean, std = _normal(statistics, anomalous)
    from sklearn.linear_model import LogisticRegression  # late: it takes a second to import

    z = np.clip((statistics - mean) / std, -CLIP, CLIP)
    model = LogisticRegression(C=0.3, class_weight="balanced", max_iter=2000).fit(z, anomalous)
    return Head(mean, std, model.coef_[0].astype(np.float64), float(model.intercept_[0]))


def _normal(statistics: Floats, anomalous: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    normal = statistics[~anomalous]
    return normal.mean(axis=0), normal.std(axis=0) + 1e-3
