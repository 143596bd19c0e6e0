"""The networks: sizes they take, what must not be in them, what is frozen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brume.slides.model import networks


@pytest.mark.parametrize("size", [32, 224, 512])
def test_small_takes_any_tile_size(size: int) -> None:
    network = networks.build("small", 3, size)
    assert network(np.zeros((2, size, size, 3), np.float32)).shape == (2, 3)


def test_in_small_no_tile_depends_on_another() -> None:
    network = networks.build("small", 3, 64)
    tiles = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype(np.float32)
    together = network(tiles, training=True).numpy()
    np.testing.assert_allclose(together[:1], network(tiles[:1], training=True).numpy(), atol=1e-5)


@pytest.mark.slow
def test_resnet50_takes_weights_from_a_file_and_freezes_its_first_layers(tmp_path: Path) -> None:
    first = networks.build("resnet50", 3, 64, "none")
    base = next(layer for layer in first.layers if layer.name == "resnet50")
    assert [layer.trainable for layer in base.layers] == [False] * 20 + [True] * (len(base.layers) - 20)
    file = tmp_path / "resnet50.weights.h5"
    base.save_weights(file)
    second = networks.build("resnet50", 3, 64, str(file))
    other = next(layer for layer in second.layers if layer.name == "resnet50")
    for mine, theirs in zip(base.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert second(np.zeros((1, 64, 64, 3), np.float32)).shape == (1, 3)


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="'vgg'"):
        networks.build("vgg", 3, 64)
