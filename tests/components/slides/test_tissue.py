"""Tissue masks of slides."""

import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from brume.slides.demo.generator import INKS
from brume.slides.demo.painter import GLASS
from brume.slides.model.reader import open_slide
from brume.slides.model.tissue import DarkFieldError, background_share, close_gaps, find_tissue

EOSIN_PINK, NUCLEAR_PURPLE = (225, 165, 200), (110, 75, 150)
# Stains that have the colours of pens, and of a section that is coloured by haematoxylin alone.
STAINS = {
    "counterstain": (150, 165, 195),
    "pale counterstain": (205, 212, 216),
    "masson": (75, 110, 185),
    "alcian": (90, 165, 190),
    "papanicolaou": (95, 160, 140),
    "light green": (60, 140, 110),
    "brown on blue": (120, 120, 122),
}
PENS = INKS | {"red": (200, 40, 50)}
METHODS = pytest.mark.parametrize("method", ["otsu", "saturation"])


def glass(height=400, width=500, noise=2.0):
    pixels = np.random.default_rng(0).normal(GLASS, noise, (height, width, 3))
    return pixels.clip(0, 255).astype(np.uint8)


@METHODS
def test_bare_glass_holds_no_tissue(method):
    assert not find_tissue(np.full((300, 300, 3), 255, np.uint8), method).mask.any()
    assert not find_tissue(glass(), method).mask.any()
    assert not find_tissue(glass(noise=4), method).mask.any()


@METHODS
def test_a_slide_that_is_tissue_from_edge_to_edge_is_all_tissue(method):
    picture = np.full((300, 300, 3), EOSIN_PINK, np.uint8)
    picture[::4] = NUCLEAR_PURPLE
    assert find_tissue(picture, method).mask.all()


@METHODS
def test_large_holes_stay_small_ones_close_and_specks_go(method):
    picture = glass()
    picture[50:350, 50:350] = EOSIN_PINK
    picture[150:220, 150:220] = GLASS  # a vessel
    picture[300:304, 300:304] = GLASS  # a crack
    picture[20:22, 450:452] = NUCLEAR_PURPLE  # dust
    mask = find_tissue(picture, method).mask
    expected = np.zeros(mask.shape, bool)
    expected[50:350, 50:350] = True
    expected[150:220, 150:220] = False
    assert not mask[185, 185] and mask[302, 302] and not mask[21, 451]
    assert (mask != expected).mean() < 0.01


@METHODS
@pytest.mark.parametrize("ink", sorted(PENS))
def test_pen_marks_are_not_tissue(method, ink):
    picture = glass()
    picture[100:300, 100:300] = EOSIN_PINK
    picture[50:350, 400:415] = PENS[ink]
    found = find_tissue(picture, method)
    assert found.mask[110:290, 110:290].all()
    assert not found.mask[:, 350:].any()
    assert 0.05 < found.ink_share < 0.15
    kept = find_tissue(picture, method, ink="off")
    assert kept.mask[60:340, 400:415].all() and kept.ink_share == 0


@METHODS
@pytest.mark.parametrize("shape", ["section", "islands", "fibres"])
@pytest.mark.parametrize("stain", sorted(STAINS))
def test_stains_with_the_colour_of_a_pen_are_tissue(method, stain, shape):
    """Whatever had less red than green was ink: whole sections of these stains were glass."""
    picture = glass()
    picture[60:340, 60:440] = EOSIN_PINK if shape == "fibres" else GLASS
    if shape == "section":
        picture[60:340, 60:440] = STAINS[stain]
    for top in range(70, 330, 30):
        if shape == "islands":  # fragments of a smear or a curettage
            picture[top : top + 20, 100:120] = picture[top : top + 20, 300:325] = STAINS[stain]
        elif shape == "fibres":  # in the midst of other tissue
            picture[top : top + 5, 80:420] = STAINS[stain]
    expected = (picture != glass()).any(axis=2) & (picture != GLASS).any(axis=2)
    found = find_tissue(picture, method)
    assert found.mask[expected].mean() > 0.8 and found.mask[~expected].mean() < 0.05
    assert found.ink_share == 0


@METHODS
def test_a_real_picture_of_immunohistochemistry_keeps_its_counterstain(method):
    """Blue nuclei, and brown over blue, which together have no colour at all."""
    picture = skimage.data.immunohistochemistry()
    found = find_tissue(picture, method)
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    nuclei = (blue > red + 15) & (blue < 210)
    assert nuclei.mean() > 0.04  # there are many
    assert found.mask[nuclei].mean() > 0.97
    assert found.mask.mean() > 0.8 and found.ink_share == 0


@METHODS
def test_a_grey_scale_slide_is_cut_by_darkness(method):
    picture = glass()
    picture[50:350, 100:400] = 150
    picture[100:150, 150:200] = 60  # as dark as a pen's black
    picture = np.repeat(picture[..., :1], 3, axis=2)
    mask = find_tissue(picture, method).mask
    expected = np.zeros(mask.shape, bool)
    expected[50:350, 100:400] = True
    assert (mask != expected).mean() < 0.01


def test_a_picture_of_fluorescence_is_refused_with_the_reason():
    picture = np.full((300, 300, 3), (5, 4, 8), np.uint8)
    picture[100:200, 100:200] = (20, 90, 220)
    with pytest.raises(DarkFieldError, match="fluorescence"):
        find_tissue(picture)


@pytest.mark.parametrize("name", ["cmu-1-small-region.svs", "tcga-cr-7395-01a-01-ts1.svs"])
def test_haematoxylin_and_eosin_holds_no_ink(real_data, name):
    with open_slide(real_data(f"slides/{name}")) as slide:
        assert find_tissue(slide.thumbnail(1024)).ink_share < 0.002


def test_pale_tissue_is_found_beside_dark():
    picture = glass()
    picture[50:200, 50:200] = NUCLEAR_PURPLE
    picture[50:200, 300:450] = (236, 205, 222)
    assert find_tissue(picture).mask[60:190, 310:440].all()


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
