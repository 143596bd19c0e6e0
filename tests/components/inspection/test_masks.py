"""Masks: colours in, classes out, and back."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from brume.inspection.model import masks
from brume.inspection.model.manifest import parse_line
from brume.inspection.model.splitting import fewest_before_split, held_out
from tests.components.inspection.parts import encoded, line

NAMES = ["crack", "dent"]
COLORS = [("crack", "#23A436"), ("dent", "#1010E0")]


def drawing() -> Image.Image:
    image = Image.new("RGB", (80, 60))
    image.paste((35, 164, 54), (10, 10, 30, 20))
    image.paste((16, 16, 224), (50, 40, 60, 50))
    image.paste((9, 9, 9), (0, 50, 5, 60))
    return image


@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_colours_become_classes_and_other_colours_background(mode: str) -> None:
    image = drawing().quantize(8) if mode == "P" else drawing().convert(mode)
    found = masks.read(encoded(image), COLORS, NAMES, (60, 80))
    assert found.shape == (60, 80)
    assert [int((found == value).sum()) for value in range(3)] == [80 * 60 - 300, 200, 100]
    assert found[15, 20] == 1
    assert found[45, 55] == 2


def test_a_mask_of_another_size_is_scaled_without_mixing() -> None:
    found = masks.read(encoded(drawing()), COLORS, NAMES, (120, 160))
    assert found.shape == (120, 160)
    assert set(np.unique(found)) == {0, 1, 2}


@pytest.mark.parametrize("data", [b"no picture", encoded(drawing(), "JPEG"), encoded(drawing())[:60]])
def test_what_is_no_png_is_refused(data: bytes) -> None:
    with pytest.raises(masks.MaskError, match="no PNG"):
        masks.read(data, COLORS, NAMES, (60, 80))


def test_a_mask_without_its_colours_is_refused() -> None:
    with pytest.raises(masks.MaskError, match="internal-color-map"):
        masks.read(encoded(Image.new("RGB", (80, 60))), COLORS, NAMES, (60, 80))


def test_drawn_masks_show_their_colours() -> None:
    maps = np.zeros((6, 8, 2), np.float32)
    maps[1, 1, 0], maps[4, 5, 1] = 1, 1
    classes = masks.classify(maps, 0.5, 60, 80)
    image = Image.open(io.BytesIO(masks.write(classes, [color for _name, color in COLORS])))
    shown = {value for _count, value in image.convert("RGB").getcolors() or []}
    assert shown == {(255, 255, 255), (35, 164, 54), (16, 16, 224)}
    assert (masks.classify(maps, 2.0, 60, 80) == 0).all()


def test_each_pixel_gets_the_highest_of_its_classes() -> None:
    rng = np.random.default_rng(0)
    maps = rng.random((6, 8, 3), np.float32)
    small = np.where(maps.max(axis=-1) >= 0.7, maps.argmax(axis=-1) + 1, 0)
    assert (masks.classify(maps, 0.7, 6, 8) == small).all()
    assert masks.classify(maps, 0.7, 600, 800).shape == (600, 800)


def test_a_white_class_is_drawn_in_a_colour_that_can_be_seen() -> None:
    assert masks.drawn("#ffffff") != masks.BACKGROUND_COLOR


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_fifth_of_each_kind_is_held_out_and_always_the_same(normal: int, anomalous: int) -> None:
    lines = [
        parse_line(line(f"s3://b/{number}.png", number >= normal)) for number in range(normal + anomalous)
    ]
    chosen = held_out(lines)
    assert chosen == held_out(lines[::-1])
    bad = sum(item.source_ref in chosen for item in lines if item.anomalous)
    assert abs(bad - anomalous / 5) <= 0.5
    assert abs(len(chosen) - bad - normal / 5) <= 0.5


def test_enough_images_are_left_after_the_split() -> None:
    assert fewest_before_split(10) == 12
