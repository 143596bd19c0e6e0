"""The demo cohort: equal seeds give equal slides, which OpenSlide opens."""

import hashlib

import numpy as np
import openslide
import pytest

from brume.slides.demo.generator import paint_slide, plan_cohort
from brume.slides.demo.painter import GLASS, mosaic, write_slide
from brume.slides.model.reader import check_slide


def picture(height, width, seed=0):
    """Smooth colours: JPEG keeps them to within a few levels."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(y // 3 + seed) % 256, (x // 3) % 256, (x + y) // 8 % 256], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("source_tile", [240, 256])
def test_openslide_opens_it_as_aperio(tmp_path, source_tile, rgb):
    image = picture(700, 1000)
    write_slide(tmp_path / "a.svs", image, mpp=0.25, source_tile=source_tile, rgb=rgb, quality=95)
    with openslide.OpenSlide(str(tmp_path / "a.svs")) as slide:
        facts = slide.properties
        assert facts["openslide.vendor"] == "aperio"
        assert (facts["openslide.mpp-x"], facts["openslide.objective-power"]) == ("0.25", "40")
        assert slide.level_dimensions == ((1000, 700), (250, 175), (62, 43))
        assert "thumbnail" in slide.associated_images
        whole = np.asarray(slide.read_region((0, 0), 0, (1000, 700)).convert("RGB")).astype(int)
        assert np.abs(whole - image).mean() < 4
        quarter = np.asarray(slide.read_region((0, 0), 1, (250, 172)).convert("RGB")).astype(int)
        means = image[:688].reshape(172, 4, 250, 4, 3).mean(axis=(1, 3))
        assert np.abs(quarter - means).mean() < 4


def test_a_painted_slide_is_the_same_as_one_from_an_array(tmp_path):
    image = picture(1100, 500)
    write_slide(tmp_path / "a.svs", image)
    asked = []

    def paint(top, bottom):
        asked.append((top, bottom))
        return image[top:bottom]

    write_slide(tmp_path / "b.svs", paint, size=(500, 1100))
    assert (tmp_path / "a.svs").read_bytes() == (tmp_path / "b.svs").read_bytes()
    assert asked == [(0, 240), (240, 480), (480, 720), (720, 960), (960, 1100)]


def test_mpp_can_be_left_out(tmp_path):
    write_slide(tmp_path / "a.svs", picture(300, 300), mpp=None)
    facts = check_slide(tmp_path / "a.svs")
    assert (facts.mpp, facts.objective, facts.vendor) == (None, None, "aperio")
    assert check_slide(tmp_path / "a.svs", assume_mpp=0.5).mpp == 0.5


def test_misuse_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="size="):
        write_slide(tmp_path / "a.svs", lambda top, bottom: picture(bottom - top, 10))
    with pytest.raises(ValueError, match="multiple"):
        write_slide(tmp_path / "a.svs", picture(100, 100), levels=(4, 6))
    with pytest.raises(ValueError, match="one size"):
        mosaic([picture(10, 10), picture(10, 12)])
    assert list(tmp_path.iterdir()) == []


def test_a_mosaic_puts_whole_tiles_on_a_grid_with_glass_around():
    tiles = [picture(32, 32, seed) for seed in range(5)]
    slide = mosaic(tiles)
    assert slide.shape == (4 * 32, 5 * 32, 3)
    cells = slide.reshape(4, 32, 5, 32, 3).swapaxes(1, 2)
    assert [np.array_equal(cells[1 + n // 3, 1 + n % 3], tile) for n, tile in enumerate(tiles)] == [True] * 5
    assert (cells[[0, 3]] == GLASS).all() and (cells[:, [0, 4]] == GLASS).all()


def test_the_demo_cohort_has_the_troubles_of_a_real_one():
    slides = plan_cohort()
    labels = {}
    for slide in slides:
        labels.setdefault(slide.patient, set()).add(slide.label)
    assert len({slide.name for slide in slides}) == len(slides) == 37
    assert sum(len(names) > 1 for names in labels.values()) == 4
    assert sum(slide.mpp is None for slide in slides) == 1
    assert {slide.ink for slide in slides} == {"", "green", "blue", "black"}


def test_a_demo_slide_is_painted_the_same_whatever_the_bands():
    def paint(rows):
        painter = paint_slide("lusc", 600, 500, np.random.default_rng(3), np.random.default_rng(4), "blue")
        bands = [painter(top, min(top + rows, 500)) for top in range(0, 500, rows)]
        return hashlib.sha256(np.concatenate(bands).tobytes()).hexdigest()

    assert paint(500) == paint(130)
