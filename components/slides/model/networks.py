"""The networks: `small`, trained from scratch on a CPU, and `resnet50`, from ImageNet.

Both take RGB tiles of 0 to 255 and standardise them inside, so that no caller can do it wrong.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from brume import storage

# `small` sees tiles at no more than about this many pixels a side.
_WORKING_SIZE = 128
_FROZEN = 20
_IMAGENET_BGR = (103.939, 116.779, 123.68)
_IMAGENET_WEIGHTS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
)


def build(name: str, classes: int, tile_size: int, weights: str = "", load: bool = True) -> Any:
    """Build a network for tiles of `tile_size` pixels a side.

    Returns a Keras model from [batch, tile_size, tile_size, 3] (uint8 or float, 0 to 255) to float32 logits
    [batch, classes]. `weights` as in `TrainingParameters`; `small` has none and ignores it. Without `load`
    they are left random, for a caller that sets them.
    """
    if name == "small":
        return _small(classes, tile_size)
    if name == "resnet50":
        return _resnet50(classes, tile_size, weights, load)
    raise ValueError(f"model is {name!r}: choose small or resnet50")


def _small(classes: int, tile_size: int) -> Any:
    """A compact CNN: texture from four strided convolutions, colour from pixels alone, both averaged.

    No layer depends on other tiles of the batch (no BatchNorm), so that ranks with parts of a batch learn
    what one process with the whole batch would.
    """
    inputs = keras.Input((tile_size, tile_size, 3))
    # Stained tissue is around 160 of 255 with a deviation of some 50 levels.
    x = layers.Rescaling(1 / 64, offset=-2.5)(inputs)
    if (factor := tile_size // _WORKING_SIZE + (tile_size % _WORKING_SIZE > 0)) > 1:
        x = layers.AveragePooling2D(factor)(x)
    colour = layers.AveragePooling2D(2)(x)
    for width in (16, 32):
        colour = layers.Conv2D(width, 1, activation="relu", kernel_initializer="he_normal")(colour)
    features = [layers.GlobalAveragePooling2D()(colour)]
    for width in (24, 48, 96, 128):
        size = 5 if width == 24 else 3
        x = layers.Conv2D(
            width, size, strides=2, padding="same", activation="relu", kernel_initializer="he_normal"
        )(x)
        if width > 24:
            features.append(layers.GlobalAveragePooling2D()(x))
    x = layers.LayerNormalization()(layers.Concatenate()(features))
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(classes, dtype="float32")(x), name="small")


def adapt_statistics(network: Any, steps: int) -> None:
    """Let the moving statistics of BatchNorm follow a training of so many steps.

    Keras's momentum of 0.99 forgets a start of mean 0 and variance 1 over hundreds of steps: the statistics
    of a shorter training would be those of no data. Here it takes a tenth of the steps.
    """
    momentum = min(0.99, max(0.5, 1 - 10 / steps))
    for layer in network._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = momentum


def _resnet50(classes: int, tile_size: int, weights: str, load: bool) -> Any:
    """ResNet50 without its top; the first 20 layers keep pretrained weights, and their statistics."""
    inputs = keras.Input((tile_size, tile_size, 3))
    shape = (tile_size, tile_size, 3)
    if weights == "" and load:
        print(f"ResNet50's ImageNet weights: Keras downloads {_IMAGENET_WEIGHTS} (94 MB, kept in ~/.keras)")
        base = keras.applications.ResNet50(include_top=False, weights="imagenet", input_shape=shape)
    else:
        base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=shape)
        if weights not in ("", "none") and load:
            with tempfile.TemporaryDirectory(prefix="brume-weights-") as folder:
                base.load_weights(storage.fetch(weights, Path(folder)))
    if weights != "none":
        for layer in base.layers[:_FROZEN]:
            layer.trainable = False
    # What those weights were trained on: blue, green, red, less the data set's mean.
    x = base(inputs[..., ::-1] - np.asarray(_IMAGENET_BGR, np.float32))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(512, activation="relu")(layers.Dropout(0.5, seed=0)(x))
    return keras.Model(inputs, layers.Dense(classes, dtype="float32")(x), name="resnet50")
