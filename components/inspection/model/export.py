"""A chosen model as one LiteRT graph: image -> score, map, drift."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from brume.inspection.model import features
from brume.inspection.model.detectors import Detector, Model
from brume.inspection.model.scoring_head import CLIP, Head

DRIFT = ("score", "brightness", "contrast", "sharpness", "alignment")


@dataclass(frozen=True)
class FittedDetector:
    """A detector of a model: `scored` if the head weighs it, `shown` if its map is the output.

    `scale` turns distances into 0..1, distance / (distance + scale); 0 for maps that are probabilities.
    """

    detector: Detector
    model: Model
    scored: bool
    shown: bool
    scale: float = 0.0


class Graph(tf.Module):  # type: ignore[misc]
    """The whole computation from pixels to outputs for pictures of one size."""

    def __init__(
        self,
        parts: Sequence[FittedDetector],
        head: Head,
        typical: npt.NDArray[np.float32],
        size: tuple[int, int],
    ) -> None:
        """Take detectors in the order of the head's statistics, and the mean of `coarse` [h * w]."""
        super().__init__()
        self.parts, self.size = parts, size
        self.mean = tf.constant(head.mean[None], tf.float32)
        self.inverse = tf.constant(1 / head.std[None], tf.float32)
        self.weights = tf.constant(head.weights[:, None], tf.float32)
        self.bias = float(head.bias)
        self.typical = tf.constant(_normalised(tf.constant(typical[None], tf.float32)).numpy())

    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return score, map and drift statistics of uint8 [N, H, W, 3]."""
        statistics, shown, alignment = [], None, None
        for part in self.parts:
            found = part.model(part.detector.prepare(image))
            if part.scored:
                statistics.append(found.statistics)
            if part.shown:
                assert found.map is not None
                shown = found.map / (found.map + part.scale) if part.scale else found.map
                shown = features.enlarge(shown, self.size[0] // 4, self.size[1] // 4)
            if found.alignment is not None:
                alignment = found.alignment
        z = (tf.concat(statistics, axis=1) - self.mean) * self.inverse
        score = tf.matmul(tf.clip_by_value(z, -CLIP, CLIP), self.weights) + self.bias
        return {
            "score": score,
            "map": tf.clip_by_value(shown, 0.0, 1.0),
            "drift": tf.concat([score, self._drift(image, alignment)], axis=1),
        }

    def _drift(self, image: tf.Tensor, alignment: tf.Tensor | None) -> tf.Tensor:
        luma = features.opponent(image)[..., :1]
        brightness = tf.reduce_mean(luma, axis=[1, 2])
        contrast = tf.sqrt(tf.reduce_mean(tf.square(luma - brightness[:, None, None]), axis=[1, 2]) + 1e-8)
        sharpness = tf.reduce_mean(tf.abs(luma - features.blur(luma, 1.0)), axis=[1, 2])
        if alignment is None:
            small = _normalised(coarse(image))
            alignment = tf.reduce_mean(small * self.typical, axis=1, keepdims=True)
        return tf.concat([brightness, contrast, sharpness, alignment], axis=1)

    @functools.cached_property
    def compiled(self) -> tf.types.experimental.ConcreteFunction:
        """The graph for one picture, uint8 [1, H, W, 3], traced once."""
        specification = tf.TensorSpec((1, *self.size, 3), tf.uint8, name="image")
        function = tf.function(self.__call__, input_signature=[specification], autograph=False)
        return function.get_concrete_function()

    def to_litert(self) -> bytes:
        """Return the graph for one picture as a LiteRT file: float32, built-in operations only."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        converter = tf.lite.TFLiteConverter.from_concrete_functions([self.compiled], self)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return bytes(converter.convert())


def coarse(images: tf.Tensor) -> tf.Tensor:
    """Return luma in squares of 16 pixels, [N, h * w], to compare with the typical training picture."""
    luma = features.shrink(features.opponent(images)[..., :1], 16)
    return tf.reshape(luma, [-1, luma.shape[1] * luma.shape[2]])


def _normalised(flat: tf.Tensor) -> tf.Tensor:
    centred = flat - tf.reduce_mean(flat, axis=1, keepdims=True)
    return centred / tf.sqrt(tf.reduce_mean(tf.square(centred), axis=1, keepdims=True) + 1e-8)
