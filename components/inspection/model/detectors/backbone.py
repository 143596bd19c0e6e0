"""PaDiM on the features of a pretrained network from the user's file; nothing is downloaded.

The file is a Keras model (`.keras`) from RGB of 0..255, [N, h, w, 3], to a feature map, its own preprocessing
included: a Keras application without its top, or a part of one, for a fixed size, saved with `model.save`.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from brume.inspection.model import features
from brume.inspection.model.detectors import Arrays, Labels, padim

_KEPT = 48  # channels that are drawn from the network's, evenly; a Gaussian of all would be all noise


class Backbone:
    """A detector with a network: its methods are the functions of the modules beside this one."""

    NAME, NEEDS = "backbone", ""

    def __init__(self, path: str) -> None:
        """Load the network. Raises `ValueError` for a file that is none, or gives no feature map."""
        network = keras.models.load_model(path, compile=False)
        if len(network.output_shape) != 4 or None in network.input_shape[1:]:
            raise ValueError(
                f"{path}: a network from {network.input_shape} to {network.output_shape};"
                " save it without its top, so that it gives a feature map, and for a fixed size of picture"
            )
        self.size = network.input_shape[1:3]
        specification = tf.TensorSpec((None, *self.size, 3), tf.float32)
        traced = tf.function(lambda x: network(x, training=False), autograph=False)
        # With weights as constants the network is part of any graph that calls it.
        self.network = convert_variables_to_constants_v2(traced.get_concrete_function(specification))
        channels = network.output_shape[-1]
        kept = np.unique(np.linspace(0, channels - 1, _KEPT).astype(int))
        self.choice = np.eye(channels, dtype=np.float32)[:, kept][None, None]

    def prepare(self, images: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return the smoothed feature map, [N, h, w, C]."""
        (found,) = self.network(features.enlarge(tf.cast(images, tf.float32), *self.size))
        found = tf.nn.conv2d(found, tf.constant(self.choice), 1, "VALID")
        return (features.blur(found, 0.8),)

    def fit(self, prepared: Arrays, labels: Labels, seed: int) -> padim.Model:
        """Fit PaDiM's Gaussians."""
        return padim.fit(prepared, labels, seed)
