"""Hand-made features of pictures as TensorFlow graphs, of LiteRT's built-in operations.

Every function takes and gives float32 batches [N, H, W, C] and is continuous in the pixels (soft bins, no
comparisons), so that a graph run by LiteRT gives TensorFlow's values but for rounding.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

_SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32) / 8
_OPPONENT = np.array([[0.299, 0.587, 0.114], [0.5, -0.5, 0.0], [0.25, 0.25, -0.5]], np.float32)


def opponent(images: tf.Tensor) -> tf.Tensor:
    """Turn uint8 RGB [N, H, W, 3] into luma (0..1), red against green, yellow against blue (-.5..+.5)."""
    kernel = tf.constant(_OPPONENT.T[None, None] / 255)
    return tf.nn.conv2d(tf.cast(images, tf.float32), kernel, 1, "VALID")


def shrink(x: tf.Tensor, factor: int) -> tf.Tensor:
    """Average squares of `factor` pixels."""
    return x if factor == 1 else tf.nn.avg_pool2d(x, factor, factor, "SAME")


def enlarge(x: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resize bilinearly."""
    return tf.image.resize(x, (height, width))


def pad(x: tf.Tensor, margin: int) -> tf.Tensor:
    """Mirror the picture beyond its edges, so that the edge is no gradient."""
    return tf.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "REFLECT")


def gradients(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the derivatives along x and y of one channel [N, H, W, 1], by Sobel's operator."""
    kernel = np.stack([_SOBEL, _SOBEL.T], axis=-1)[:, :, None]
    both = tf.nn.conv2d(pad(x, 1), tf.constant(kernel), 1, "VALID")
    return both[..., :1], both[..., 1:]


def blur(x: tf.Tensor, sigma: float) -> tf.Tensor:
    """Blur every channel with a Gaussian of `sigma` pixels."""
    radius = max(1, math.ceil(2.5 * sigma))
    line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)
    line = np.repeat((line / line.sum())[:, None], x.shape[-1], axis=1)
    padded = pad(x, radius)
    down = tf.nn.depthwise_conv2d(padded, tf.constant(line[:, None, :, None]), [1, 1, 1, 1], "VALID")
    return tf.nn.depthwise_conv2d(down, tf.constant(line[None, :, :, None]), [1, 1, 1, 1], "VALID")


def orientations(luma: tf.Tensor, bins: int) -> tf.Tensor:
    """Return gradient magnitude spread over `bins` undirected orientations, [N, H, W, bins].

    The weight of a bin is a power of the cosine of twice the angle to its centre: no arc tangent is needed.
    """
    gx, gy = gradients(luma)
    magnitude = tf.sqrt(gx * gx + gy * gy + 1e-8)
    cos, sin = (gx * gx - gy * gy) / (magnitude * magnitude), 2 * gx * gy / (magnitude * magnitude)
    centres = np.arange(bins) * 2 * np.pi / bins
    alike = cos * tf.constant(np.cos(centres).astype(np.float32)) + sin * tf.constant(
        np.sin(centres).astype(np.float32)
    )
    soft = tf.nn.relu(alike)
    weight = soft * soft if bins <= 4 else tf.square(soft * soft)
    return magnitude * weight


def local_stack(images: tf.Tensor, cell: int = 8) -> tf.Tensor:
    """Return 27 features of every square of `cell` pixels: colour, its spread, edges by scale and direction.

    `images` is uint8 [N, H, W, 3]; the result is float32 [N, H / cell, W / cell, 27].
    """
    colour = opponent(images)
    grid: list[tf.Tensor] = []
    for scale in (1, 2, 4):
        scaled = shrink(colour, scale)
        luma = scaled[..., :1]
        edges = tf.sqrt(orientations(luma, 4) + 1e-4)
        fine = tf.sqrt(tf.square(luma - blur(luma, 1.0)) + 1e-5)
        mean = shrink(scaled, cell // scale)
        grid += [shrink(edges, cell // scale), shrink(fine, cell // scale), mean]
        if scale == 1:
            spread = shrink(tf.square(scaled), cell) - tf.square(mean)
            grid.append(tf.sqrt(tf.nn.relu(spread) + 1e-4))
    return tf.concat(grid, axis=-1)


def texture_codes(luma: tf.Tensor, radius: int) -> tf.Tensor:
    """Return soft local binary patterns, [N, H, W, 10]: how much a pixel is each rotation-invariant pattern.

    Ojala, Pietikainen and Maenpaa (2002): of the eight neighbours, the number brighter than the centre where
    they lie in one run (0..8), and one class for all else. Here "brighter" is a ramp of 0.02, the number
    falls into two neighbouring bins, and the last class grows with the changes beyond two.
    """
    height, width = luma.shape[1:3]
    padded = pad(luma, radius)
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    neighbours = [padded[:, y * radius :, x * radius :][:, :height, :width] for y, x in around]
    ring = tf.concat(neighbours, axis=-1) - luma
    brighter = tf.clip_by_value(ring * 50.0 + 0.5, 0.0, 1.0)
    number = tf.reduce_sum(brighter, axis=-1, keepdims=True)
    turned = tf.concat([brighter[..., 1:], brighter[..., :1]], axis=-1)
    changes = tf.reduce_sum(tf.abs(brighter - turned), axis=-1, keepdims=True)
    other = tf.clip_by_value(changes - 2.0, 0.0, 1.0)
    bins = tf.nn.relu(1.0 - tf.abs(number - tf.constant(np.arange(9, dtype=np.float32))))
    return tf.concat([bins * (1.0 - other), other], axis=-1)


def gabor(luma: tf.Tensor, wavelength: float, directions: int) -> tf.Tensor:
    """Return the strength [N, H, W, directions] of waves of `wavelength` pixels in each direction.

    The modulus of a complex Gabor filter with an envelope of 0.5 wavelengths, free of the mean.
    """
    sigma = 0.5 * wavelength
    radius = math.ceil(2 * sigma)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    envelope = np.exp(-(x * x + y * y) / (2 * sigma * sigma))
    envelope /= envelope.sum()
    kernels = []
    for index in range(directions):
        angle = np.pi * index / directions
        wave = np.exp(2j * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / wavelength)
        kernels.append(envelope * (wave - (envelope * wave).sum()))
    kernel = np.stack([part(k) for part in (np.real, np.imag) for k in kernels], axis=-1)[:, :, None]
    both = tf.nn.conv2d(pad(luma, radius), tf.constant(kernel.astype(np.float32)), 1, "VALID")
    real, imaginary = both[..., :directions], both[..., directions:]
    return tf.sqrt(tf.square(real) + tf.square(imaginary) + 1e-6)


def soft_histogram(x: tf.Tensor, low: float, high: float, bins: int) -> tf.Tensor:
    """Return how much of one channel [N, H, W, 1] lies in each bin, triangles that overlap, [N, bins]."""
    centres = np.linspace(low, high, bins, dtype=np.float32)
    width = float(centres[1] - centres[0])
    place = tf.clip_by_value(x, low, high)
    return tf.reduce_mean(tf.nn.relu(1.0 - tf.abs(place - tf.constant(centres)) / width), axis=[1, 2])
