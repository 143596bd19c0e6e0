"""A Gaussian of hand-made features at every position, and Mahalanobis' distance from it.

PaDiM (Defard et al., 2020) with multi-scale colour and edge features in place of a pretrained network. It
suits parts that always lie in the same place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from brume.inspection.model import features
from brume.inspection.model.detectors import Arrays, Labels, Scored
from brume.inspection.model.detectors.common import map_statistics

NAME, NEEDS = "padim", ""
_NOISE = 0.004  # standard deviation of a feature that the camera alone may cause


def prepare(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return the local features of every cell, [N, h, w, C], smoothed: a pixel of shift matters little."""
    return (features.blur(features.local_stack(images), 0.8),)


def fit(prepared: Arrays, labels: Labels, seed: int) -> Model:
    """Estimate mean and covariance at every position from normal pictures, shrunk to the pooled one."""
    normal = prepared[0][~labels.anomalous].astype(np.float64)
    count, height, width, channels = normal.shape
    points = normal.reshape(count, height * width, channels)
    mean = points.mean(axis=0)
    centred = points - mean
    pooled = np.einsum("npc,npd->cd", centred, centred, optimize=True) / (count * height * width)
    own = np.matmul(centred.transpose(1, 2, 0), centred.transpose(1, 0, 2)) / max(1, count - 1)
    share = count / (count + channels)
    variance = np.diagonal(own, axis1=1, axis2=2).mean(axis=1) / np.trace(pooled) * channels
    # What a position's covariance is shrunk to: the pooled one, at the position's own strength.
    strength = np.maximum(variance, 0.25)[:, None, None]
    floor = 0.02 * np.diag(np.diag(pooled)) + _NOISE**2 * np.eye(channels)
    covariance = share * own + (1 - share) * strength * pooled + floor
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).transpose(0, 2, 1)
    return Model(mean.astype(np.float32), whitening.astype(np.float32), (height, width))


class Model:
    """Means [P, C] and whitening matrices [P, C, C] of the P positions."""

    def __init__(self, mean: np.ndarray, whitening: np.ndarray, grid: tuple[int, int]) -> None:
        self.mean, self.whitening, self.grid = tf.constant(mean), tf.constant(whitening), grid

    def __call__(self, prepared: Sequence[tf.Tensor]) -> Scored:
        """Return statistics and map of the mean squared whitened distance."""
        (x,) = prepared
        positions, channels = self.mean.shape
        centred = tf.reshape(x, [-1, positions, channels]) - self.mean
        white = tf.matmul(tf.transpose(centred, [1, 0, 2]), self.whitening)  # [P, N, C]
        distance = tf.transpose(tf.reduce_mean(tf.square(white), axis=2))
        distance = tf.reshape(distance, [-1, *self.grid, 1])
        return Scored(map_statistics(distance), distance)
