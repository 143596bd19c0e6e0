"""Pose-matched residual: the difference from the best combination of normal pictures.

Each picture is registered to a template by a homography. The registered normal pictures span how light,
shadow and the remaining parallax change a sound part (for light alone a few pictures are enough: Belhumeur
and Kriegman, 1998); a picture is compared with its own projection on their principal components, in luma and
colour, by the residual that unseen normal pictures have at that place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from brume.inspection.model import features, warp
from brume.inspection.model.detectors import Arrays, Labels, Scored
from brume.inspection.model.detectors.common import map_statistics

NAME, NEEDS = "posed", ""
_MOST = 64  # components; and no more than one for three normal pictures
_SHOWN = 48  # normal pictures from which the template is made
_NOISE = 0.02  # standard deviation of colour (of 0..1) that counts for nothing anywhere
_CLIP = 4.0  # standard deviations beyond which a place does not pull the projection further
_PARTS = 5  # into which normal pictures are dealt to see residuals of unseen ones


def prepare(images: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return luma and two colour differences at half the size, [N, H/2, W/2, 3]."""
    return (features.shrink(features.opponent(images), 2),)


def fit(prepared: Arrays, labels: Labels, seed: int) -> Model:
    """Make the template, register all normal pictures to it, and take their components and residuals."""
    normal = prepared[0][~labels.anomalous].astype(np.float32)
    aligner = _template(normal[np.random.default_rng(seed).permutation(len(normal))[:_SHOWN]])
    registered = _register(aligner, normal).numpy()
    flat = registered.reshape(len(registered), -1)
    residuals = np.empty_like(flat)
    part = np.arange(len(flat)) % _PARTS
    for index in range(_PARTS):
        mean, scale, axes = _components(flat[part != index])
        z = np.clip((flat[part == index] - mean) * scale, -_CLIP, _CLIP)
        residuals[part == index] = (z - z @ axes.T @ axes) / scale
    spread = np.sqrt(np.square(residuals).mean(axis=0) + _NOISE**2 / 2)
    mean, scale, axes = _components(flat)
    return Model(aligner, mean, scale, axes, 1 / (scale * spread), registered.shape[1:])


def _template(normal: np.ndarray) -> warp.Aligner:
    """Start from the picture nearest the mean; go on with the median of the aligned, by steady places."""
    away = np.square(normal - normal.mean(axis=0)).mean(axis=(1, 2, 3))
    aligner = warp.Aligner(normal[int(np.argmin(away)), ..., 0], parameters=8)
    for _ in range(2):
        luma = _register(aligner, normal).numpy()[..., 0]
        weight = 1 / (luma.var(axis=0) + _NOISE**2)
        aligner = warp.Aligner(np.median(luma, axis=0), 8, weight / weight.mean())
    return aligner


def _register(aligner: warp.Aligner, pictures: np.ndarray | tf.Tensor) -> tf.Tensor:
    batches = [aligner(tf.constant(pictures[start : start + 16]))[0] for start in range(0, len(pictures), 16)]
    return _smooth(tf.concat(batches, axis=0))


def _smooth(registered: tf.Tensor) -> tf.Tensor:
    return features.blur(registered, 0.7)


def _components(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return median [D], 1 / deviation [D] and principal axes [K, D] of standardised pictures [n, D]."""
    mean = np.median(flat, axis=0)
    scale = 1 / np.sqrt(flat.var(axis=0) + _NOISE**2)
    z = np.clip((flat - mean) * scale, -_CLIP, _CLIP)
    # The eigenvectors of the small matrix of products give those of the large one.
    values, vectors = np.linalg.eigh(z @ z.T)
    count = max(1, min(_MOST, len(flat) // 3))
    axes = (vectors[:, ::-1][:, :count] / np.sqrt(np.maximum(values[::-1][:count], 1e-6))).T @ z
    return mean, scale, axes


class Model:
    """Aligner, median, scales and principal axes."""

    def __init__(
        self,
        aligner: warp.Aligner,
        mean: np.ndarray,
        scale: np.ndarray,
        axes: np.ndarray,
        weight: np.ndarray,
        shape: tuple[int, int, int],
    ) -> None:
        self.aligner, self.shape = aligner, shape
        self.mean, self.scale, self.weight = (tf.constant(a[None], tf.float32) for a in (mean, scale, weight))
        self.axes = tf.constant(axes.astype(np.float32))

    def __call__(self, prepared: Sequence[tf.Tensor]) -> Scored:
        """Return the squared residual in units of unseen normal pictures', and statistics at two scales."""
        registered, quality = self.aligner(prepared[0])
        flat = tf.reshape(_smooth(registered), [-1, int(np.prod(self.shape))])
        z = tf.clip_by_value((flat - self.mean) * self.scale, -_CLIP, _CLIP)
        left = z - tf.matmul(tf.matmul(z, self.axes, transpose_b=True), self.axes)
        residual = tf.reshape(left * self.weight, [-1, *self.shape])
        fine = tf.reduce_mean(tf.square(features.blur(residual, 1.0)), axis=3, keepdims=True)
        wide = tf.reduce_mean(tf.square(features.blur(residual, 2.5)), axis=3, keepdims=True)
        statistics = tf.concat([map_statistics(fine), map_statistics(wide)], axis=1)
        return Scored(statistics, features.shrink(fine, 2), quality)
