"""A linear model on features of the whole picture: HOG, texture, colour, DCT and Gabor.

It learns from anomalous pictures what distinguishes them, independent of the part's position. Without a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from brume.inspection.model import features
from brume.inspection.model.detectors import Arrays, Labels, Scored

NAME, NEEDS = "overall", "anomalies"
_STRENGTH = 0.003  # of the fit to the data against L2, after every feature is standardised


def prepare(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return one vector a picture, [N, F]."""
    colour = features.opponent(images)
    half = features.shrink(colour, 2)
    luma = half[..., :1]
    return (tf.concat([_hog(luma), _texture(luma), _colour(half), _cosines(half), _waves(luma)], axis=1),)


def _flat(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [-1, int(np.prod(x.shape[1:]))])


def _hog(luma: tf.Tensor) -> tf.Tensor:
    """Dalal and Triggs (2005), with cells of 16 pixels at half the size; each cell is brought to length 1."""
    cells = tf.nn.avg_pool2d(features.orientations(luma, 8), 16, 16, "SAME")
    size = tf.sqrt(tf.reduce_sum(tf.square(cells), axis=-1, keepdims=True) + 1e-3)
    return tf.concat([_flat(cells / size), tf.reduce_mean(cells, axis=[1, 2]) * 10], axis=1)


def _texture(luma: tf.Tensor) -> tf.Tensor:
    parts = []
    for scaled, radius in ((luma, 1), (luma, 2), (features.shrink(luma, 2), 1)):
        codes = features.texture_codes(scaled, radius)
        parts += [tf.reduce_mean(codes, axis=[1, 2]), _flat(_thirds(codes))]
    return tf.concat(parts, axis=1)


def _colour(half: tf.Tensor) -> tf.Tensor:
    ranges = ((0.0, 1.0), (-0.3, 0.3), (-0.3, 0.3))
    parts = [
        features.soft_histogram(half[..., index : index + 1], low, high, 12)
        for index, (low, high) in enumerate(ranges)
    ]
    return tf.concat([*parts, _flat(_thirds(half))], axis=1)


def _cosines(half: tf.Tensor) -> tf.Tensor:
    """Return the 8 x 8 lowest cosine waves of every channel."""
    height, width = half.shape[1:3]
    down, across = (_cosine_table(side, 8) for side in (height, width))
    rows = tf.matmul(tf.transpose(half, [0, 3, 1, 2]), tf.constant(across.T))
    return _flat(tf.matmul(tf.transpose(rows, [0, 1, 3, 2]), tf.constant(down.T)))


def _cosine_table(side: int, waves: int) -> np.ndarray:
    place = (np.arange(side) + 0.5) / side
    return np.cos(np.pi * np.arange(waves)[:, None] * place).astype(np.float32) / side


def _waves(luma: tf.Tensor) -> tf.Tensor:
    parts = []
    for scaled, length in ((luma, 4.0), (features.shrink(luma, 2), 4.0), (features.shrink(luma, 4), 4.0)):
        strength = features.gabor(scaled, length, 4)
        mean = tf.reduce_mean(strength, axis=[1, 2])
        spread = tf.sqrt(tf.reduce_mean(tf.square(strength - mean[:, None, None]), axis=[1, 2]) + 1e-6)
        parts += [mean, spread, _flat(_thirds(strength))]
    return tf.math.log(tf.concat(parts, axis=1) + 1e-3)


def _thirds(x: tf.Tensor) -> tf.Tensor:
    height, width = -(-x.shape[1] // 3), -(-x.shape[2] // 3)
    return tf.nn.avg_pool2d(x, [height, width], [height, width], "SAME")


def fit(prepared: Arrays, labels: Labels, seed: int) -> Model:
    """Fit logistic regression with L2 to standardised features, both classes weighing the same."""
    from sklearn.linear_model import LogisticRegression  # late: it takes a second to import

    x = prepared[0].astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0) + 1e-2
    z = (x - mean) / std
    # With fewer pictures than features, the pictures' own plane holds the solution; it is quicker to search.
    _, _, axes = np.linalg.svd(z, full_matrices=False)
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=2000)
    model.fit(z @ axes.T, labels.anomalous)
    weights = (model.coef_[0] @ axes) / std
    return Model(weights, float(model.intercept_[0] - mean @ weights))


class Model:
    """Weights [F] and a bias."""

    def __init__(self, weights: np.ndarray, bias: float) -> None:
        self.weights, self.bias = tf.constant(weights[:, None].astype(np.float32)), bias

    def __call__(self, prepared: Sequence[tf.Tensor]) -> Scored:
        """Return the logit as the only statistic."""
        return Scored(tf.matmul(prepared[0], self.weights) + self.bias)
