"""Statistics of a map of distances, shared by several detectors."""

from __future__ import annotations

import tensorflow as tf

from brume.inspection.model import features


def map_statistics(distance: tf.Tensor) -> tf.Tensor:
    """Sum a map of distances [N, h, w, 1] up in five numbers [N, 5], each on a log scale.

    The greatest, the means of the highest 0.5, 2 and 10 % and of all of it: a small defect shows in the first
    ones, a missing part in the last.
    """
    smooth = features.blur(distance, 0.7)
    cells = smooth.shape[1] * smooth.shape[2]
    flat = tf.reshape(smooth, [-1, cells])
    highest = tf.math.top_k(flat, max(1, cells // 10)).values
    parts = [highest[:, :1]]
    for share in (200, 50, 10):
        parts.append(tf.reduce_mean(highest[:, : max(1, cells // share)], axis=1, keepdims=True))
    parts.append(tf.reduce_mean(flat, axis=1, keepdims=True))
    return tf.math.log(tf.concat(parts, axis=1) + 1e-3)
