"""Alignment to the typical normal picture, and the local difference in colour from it.

It suits parts that are alike but for their place: a missing piece, a stain, a drawing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from brume.inspection.model import features, warp
from brume.inspection.model.detectors import Arrays, Labels, Scored
from brume.inspection.model.detectors.common import map_statistics

NAME, NEEDS = "aligned", ""
_FLOOR = 0.02  # standard deviation of colour (of 0..1) below which a place is called as steady as that


def prepare(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return luma and two colour differences at half the size, [N, H/2, W/2, 3]."""
    return (features.shrink(features.opponent(images), 2),)


def fit(prepared: Arrays, labels: Labels, seed: int) -> Model:
    """Align all normal pictures to the one nearest their mean; the median of the aligned is the template."""
    normal = prepared[0][~labels.anomalous].astype(np.float32)
    away = np.square(normal - normal.mean(axis=0)).mean(axis=(1, 2, 3))
    template = normal[int(np.argmin(away)), ..., 0]
    aligner = warp.Aligner(template)
    aligned = np.concatenate(
        [aligner(tf.constant(normal[start : start + 16]))[0].numpy() for start in range(0, len(normal), 16)]
    )
    template = np.median(aligned[..., 0], axis=0)
    return Model(warp.Aligner(template), np.median(aligned, axis=0), aligned.std(axis=0))


class Model:
    """What normal pictures show at every place, and how much it varies."""

    def __init__(self, aligner: warp.Aligner, middle: np.ndarray, std: np.ndarray) -> None:
        self.aligner = aligner
        around = tf.constant(middle[None].astype(np.float32))
        self.high = tf.nn.max_pool2d(around, 3, 1, "SAME")
        self.low = -tf.nn.max_pool2d(-around, 3, 1, "SAME")
        self.scale = tf.constant(1 / np.sqrt(std[None] ** 2 + _FLOOR**2).astype(np.float32))

    def __call__(self, prepared: Sequence[tf.Tensor]) -> Scored:
        """Measure how far each place is outside what normal pictures show within a pixel of it."""
        aligned, quality = self.aligner(prepared[0])
        outside = tf.nn.relu(aligned - self.high) + tf.nn.relu(self.low - aligned)
        distance = tf.reduce_mean(tf.square(features.blur(outside * self.scale, 1.0)), axis=3, keepdims=True)
        distance = features.shrink(distance, 2)
        statistics = tf.concat([map_statistics(distance), -5.0 * quality], axis=1)
        return Scored(statistics, distance, quality)
