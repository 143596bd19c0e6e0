"""The networks: sizes they take, what must not be in them, what is frozen."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from brume.slides.model import networks, training_loop


@pytest.mark.parametrize("size", [32, 224, 512])
def test_small_takes_any_tile_size(size: int) -> None:
    network = networks.build("small", 3, size)
    assert network(np.zeros((2, size, size, 3), np.float32)).shape == (2, 3)


def test_in_small_no_tile_depends_on_another() -> None:
    network = networks.build("small", 3, 64)
    tiles = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    together = network(tiles, training=True).numpy()
    np.testing.assert_allclose(together[:1], network(tiles[:1], training=True).numpy(), atol=1e-5)


def frozen(network: Any) -> list[bool]:
    base = next(layer for layer in network.layers if layer.name == "resnet50")
    return [not layer.trainable for layer in base.layers]


@pytest.mark.slow
def test_resnet50_freezes_what_was_loaded_and_nothing_random(tmp_path: Path) -> None:
    """With weights=none its first 20 layers were frozen at random values."""
    first = networks.build("resnet50", 3, 64, "none")
    assert not any(frozen(first))
    base = next(layer for layer in first.layers if layer.name == "resnet50")
    file = tmp_path / "resnet50.weights.h5"
    base.save_weights(file)
    second = networks.build("resnet50", 3, 64, str(file))
    other = next(layer for layer in second.layers if layer.name == "resnet50")
    for mine, theirs in zip(base.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    # A rank that is given its weights freezes the same layers; a network that is served takes all of them.
    third = networks.build("resnet50", 3, 64, str(file), load=False)
    assert frozen(third) == frozen(second) == [True] * 20 + [False] * (len(base.layers) - 20)
    first.set_weights(second.get_weights())
    tiles = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(first(tiles), second(tiles), rtol=1e-4)


def test_the_statistics_of_a_short_training_are_those_of_its_data() -> None:
    inputs = keras.Input((4,))
    network = keras.Model(inputs, keras.layers.BatchNormalization()(inputs))
    networks.adapt_statistics(network, 30)
    for _ in range(30):
        network(np.full((2, 4), 7, np.float32), training=True)
    np.testing.assert_allclose(network.layers[-1].moving_mean, 7, rtol=0.01)


def test_chance_is_what_equal_probabilities_lose_with_the_weights_of_training() -> None:
    """The classes of validation may have other shares than those that the weights are of."""
    weights = training_loop.class_weights([900, 100])
    assert training_loop.chance_loss([90, 10], weights) == pytest.approx(math.log(2))
    assert training_loop.chance_loss([50, 50], weights) == pytest.approx(math.log(2) * (5 / 9 + 5) / 2)
    assert training_loop.chance_loss([0, 0], weights) == 0


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="'vgg'"):
        networks.build("vgg", 3, 64)
