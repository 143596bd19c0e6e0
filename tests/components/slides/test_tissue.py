"""Tissue masks of slides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.slides.demo.generator import INKS
from brume.slides.demo.painter import GLASS
from brume.slides.model.tissue import background_share, close_gaps, tissue_mask

EOSIN_PINK, NUCLEAR_PURPLE = (225, 165, 200), (110, 75, 150)
METHODS = pytest.mark.parametrize("method", ["otsu", "saturation"])


def glass(height=400, width=500, noise=2.0):
    pixels = np.random.default_rng(0).normal(GLASS, noise, (height, width, 3))
    return pixels.clip(0, 255).astype(np.uint8)


@METHODS
def test_bare_glass_holds_no_tissue(method):
    assert not tissue_mask(np.full((300, 300, 3), 255, np.uint8), method).any()
    assert not tissue_mask(glass(), method).any()
    assert not tissue_mask(glass(noise=4), method).any()


@METHODS
def test_a_slide_that_is_tissue_from_edge_to_edge_is_all_tissue(method):
    picture = np.full((300, 300, 3), EOSIN_PINK, np.uint8)
    picture[::4] = NUCLEAR_PURPLE
    assert tissue_mask(picture, method).all()


@METHODS
def test_large_holes_stay_small_ones_close_and_specks_go(method):
    picture = glass()
    picture[50:350, 50:350] = EOSIN_PINK
    picture[150:220, 150:220] = GLASS  # a vessel
    picture[300:304, 300:304] = GLASS  # a crack
    picture[20:22, 450:452] = NUCLEAR_PURPLE  # dust
    mask = tissue_mask(picture, method)
    expected = np.zeros(mask.shape, bool)
    expected[50:350, 50:350] = True
    expected[150:220, 150:220] = False
    assert not mask[185, 185] and mask[302, 302] and not mask[21, 451]
    assert (mask != expected).mean() < 0.01


@METHODS
@pytest.mark.parametrize("ink", sorted(INKS))
def test_pen_marks_are_not_tissue(method, ink):
    picture = glass()
    picture[100:300, 100:300] = EOSIN_PINK
    picture[50:350, 400:415] = INKS[ink]
    mask = tissue_mask(picture, method)
    assert mask[110:290, 110:290].all()
    assert not mask[:, 350:].any()


def test_pale_tissue_is_found_beside_dark():
    picture = glass()
    picture[50:200, 50:200] = NUCLEAR_PURPLE
    picture[50:200, 300:450] = (236, 205, 222)
    assert tissue_mask(picture)[60:190, 310:440].all()


@given(st.integers(0, 255), st.integers(0, 16), st.integers(1, 16))
def test_background_is_the_share_of_pixels_with_grey_220_or_more(grey, rows, height):
    tile = np.zeros((height, 8, 3), np.uint8)
    tile[:rows] = grey
    expected = min(rows, height) / height if grey >= 220 else 0.0
    assert background_share(tile) == pytest.approx(expected)


def test_narrow_gaps_belong_to_the_tissue_and_wide_ones_do_not() -> None:
    """Normal lung is thin walls around air; without this its slides would count as empty glass."""
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:13] = mask[10:50, 17:20] = mask[10:50, 40:43] = True
    closed = close_gaps(mask, 3)
    assert closed[10:50, 10:20].all()
    assert not closed[:, 21:39].any()
    assert not closed[:, :10].any() and not closed[:10].any() and not closed[50:].any()
    assert (close_gaps(mask, 0) == mask).all()
