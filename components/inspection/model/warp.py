"""Registration of pictures to a template, as a TensorFlow graph of fixed length.

Inverse compositional alignment (Baker and Matthews, 2004): what is differentiated is the template, so its
steepest-descent images are constants and an iteration is one warp and one product. Gain and offset of the
light are solved for in the same product. Points are in units of half the picture's longer side from its
centre, so that one warp serves every level of a pyramid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import cast

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from brume.inspection.model import features

Floats = npt.NDArray[np.float32]
LEVELS = ((8, 10), (4, 6), (2, 3))  # (pixels to a square, iterations), coarse to fine


def points(height: int, width: int) -> Floats:
    """Return the pixel centres as homogeneous points [H * W, 3]."""
    half = max(height, width) / 2
    y, x = np.mgrid[:height, :width]
    flat = [(x.ravel() + 0.5 - width / 2) / half, (y.ravel() + 0.5 - height / 2) / half]
    return np.stack([*flat, np.ones(height * width)], axis=1).astype(np.float32)


def sample(images: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """Read images [N, H, W, C] where `matrices` [N, 3, 3] take every pixel's point; edges go on outside."""
    height, width, channels = images.shape[1:]
    half = max(height, width) / 2
    place = tf.matmul(tf.constant(points(height, width)[None]), matrices, transpose_b=True)
    depth = 1.0 / tf.maximum(place[..., 2], 0.1)
    x = tf.clip_by_value(place[..., 0] * depth * half + (width / 2 - 0.5), 0.0, width - 1.001)
    y = tf.clip_by_value(place[..., 1] * depth * half + (height / 2 - 0.5), 0.0, height - 1.001)
    left, top = tf.floor(x), tf.floor(y)
    # The four neighbours side by side: one gather in place of four.
    rows = tf.concat([images[:, :-1], images[:, 1:]], axis=-1)
    four = tf.concat([rows[:, :, :-1], rows[:, :, 1:]], axis=-1)
    index = tf.cast(top * (width - 1) + left, tf.int32)
    start = tf.range(tf.shape(images)[0])[:, None] * ((height - 1) * (width - 1))
    found = tf.gather(tf.reshape(four, [-1, 4 * channels]), tf.reshape(index + start, [-1]))
    found = tf.reshape(found, [-1, height, width, 4 * channels])
    dx = tf.reshape(x - left, [-1, height, width, 1])
    dy = tf.reshape(y - top, [-1, height, width, 1])
    first = found[..., : 2 * channels] * (1 - dx) + found[..., 2 * channels :] * dx
    return first[..., :channels] * (1 - dy) + first[..., channels:] * dy


def steepest(template: Floats) -> Floats:
    """Return the change of a template [h, w] by each of the 8 parameters of a homography, [h * w, 8].

    The first 2 shift, the first 6 are affine.
    """
    height, width = template.shape
    half = max(height, width) / 2
    gy, gx = np.gradient(template.astype(np.float64))
    gx, gy = gx.ravel() * half, gy.ravel() * half
    x, y, _ = points(height, width).astype(np.float64).T
    tilt = gx * x + gy * y
    every = [gx, gy, gx * x, gx * y, gy * x, gy * y, -tilt * x, -tilt * y]
    return np.stack(every, axis=1).astype(np.float32)


_PLACES = (2, 5, 0, 1, 3, 4, 6, 7)  # where each parameter of `steepest` stands in a 3 x 3 matrix
_SPREAD = np.eye(9, dtype=np.float32)[list(_PLACES)]


def step(parameters: tf.Tensor) -> tf.Tensor:
    """Return the warps [N, 3, 3] of small parameters [N, 8] in the order of `steepest`."""
    identity = tf.constant(np.eye(3, dtype=np.float32).reshape(1, 9))
    return tf.reshape(tf.matmul(parameters, tf.constant(_SPREAD)) + identity, [-1, 3, 3])


def solver(template: Floats, parameters: int, weight: Floats) -> Floats:
    """Return the matrix [8, h * w] from a difference of luma to the step that lessens it most.

    Weighted least squares over the first `parameters` (rows of the others are 0), and over gain and offset of
    the light, whose rows are left out.
    """
    descent = steepest(template)[:, :parameters].astype(np.float64)
    every = np.concatenate([descent, np.ones((template.size, 1)), template.reshape(-1, 1)], axis=1)
    weighted = every * weight.reshape(-1, 1)
    normal = every.T @ weighted
    normal += np.diag(np.diag(normal)) * 1e-3 + 1e-9 * np.eye(len(normal))
    rows = np.zeros((8, template.size), np.float32)
    rows[:parameters] = np.linalg.solve(normal, weighted.T)[:parameters]
    return rows


class Aligner:
    """Finds the warps that lay pictures on one template."""

    def __init__(self, template: Floats, parameters: int = 6, weight: Floats | None = None) -> None:
        """Take a template of luma [H/2, W/2], and how much each of its pixels counts."""
        weight = np.ones_like(template) if weight is None else weight
        self.templates, self.solvers = [], []
        for factor, _ in LEVELS:
            small, counts = _reduce(template, factor // 2), _reduce(weight, factor // 2)
            self.templates.append(tf.constant(small[None, ..., None]))
            self.solvers.append(tf.constant(solver(small, parameters, counts).T))

    def __call__(self, pictures: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Lay pictures [N, H/2, W/2, C], luma first, on the template; return them and the correlation [N, 1].

        A picture that alignment makes less like the template is returned as it was.
        """
        return _compiled(tuple(pictures.shape[1:]))(pictures, self.templates, self.solvers)


@functools.lru_cache(maxsize=8)
def _compiled(shape: tuple[int, int, int]) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Compile `_register` once for all templates of a size and any number of pictures.

    Op by op it takes ten times as long, and tracing it costs as much as aligning some hundred pictures.
    """
    height, width, _ = shape
    grids = [(height * 2 // factor, width * 2 // factor) for factor, _ in LEVELS]
    signature = (
        tf.TensorSpec((None, *shape), tf.float32),
        [tf.TensorSpec((1, *grid, 1), tf.float32) for grid in grids],
        [tf.TensorSpec((rows * columns, 8), tf.float32) for rows, columns in grids],
    )
    compiled = tf.function(_register, input_signature=signature, autograph=False)
    return cast(Callable[..., tuple[tf.Tensor, tf.Tensor]], compiled)


def _register(
    pictures: tf.Tensor, templates: list[tf.Tensor], solvers: list[tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor]:
    matrices = tf.tile(tf.constant(np.eye(3, dtype=np.float32)[None]), [tf.shape(pictures)[0], 1, 1])
    for (factor, iterations), template, solver in zip(LEVELS, templates, solvers, strict=True):
        small = features.shrink(pictures[..., :1], factor // 2)
        cells = small.shape[1] * small.shape[2]
        for _ in range(iterations):
            difference = tf.reshape(sample(small, matrices) - template, [-1, cells])
            change = tf.clip_by_value(tf.matmul(difference, solver), -0.1, 0.1)
            matrices = tf.matmul(matrices, step(-change))  # the inverse of the step, to first order
    registered = sample(pictures, matrices)
    before, after = (correlation(x[..., :1], templates[-1]) for x in (pictures, registered))
    better = tf.cast(after > before, tf.float32)[:, :, None, None]
    return registered * better + pictures * (1 - better), tf.maximum(after, before)


def _reduce(picture: Floats, factor: int) -> Floats:
    height, width = picture.shape
    squares = picture.reshape(height // factor, factor, width // factor, factor)
    return np.asarray(squares.mean(axis=(1, 3)), np.float32)


def correlation(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the correlation [N, 1] of pictures [N, h, w, 1]; `b` may be one for all."""
    axes = [1, 2, 3]
    a = a - tf.reduce_mean(a, axis=axes, keepdims=True)
    b = b - tf.reduce_mean(b, axis=axes, keepdims=True)
    norm = tf.reduce_sum(a * a, axis=axes) * tf.reduce_sum(b * b, axis=axes)
    return (tf.reduce_sum(a * b, axis=axes) / tf.sqrt(norm + 1e-8))[:, None]
