"""Reading slides: levels, windows, microns per pixel, and errors."""

import shutil

import numpy as np
import openslide
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brume.slides.demo.generator import paint_slide
from brume.slides.demo.painter import write_slide
from brume.slides.model.reader import SlideError, check_slide, open_slide

WIDTH, HEIGHT = 1300, 1000


@pytest.fixture(scope="module")
def painted():
    rng, stain = np.random.default_rng(5), np.random.default_rng(6)
    return paint_slide("luad", WIDTH, HEIGHT, rng, stain)(0, HEIGHT)


@pytest.fixture(scope="module")
def slides(painted, tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("slides"), {}
    for source_tile in (240, 256):
        for rgb in (False, True):
            path = made[source_tile, rgb] = folder / f"{source_tile}-{rgb}.svs"
            write_slide(path, painted, source_tile=source_tile, rgb=rgb, levels=(4,))
    return made


def openslide_window(path, level, x, y, width, height):
    with openslide.OpenSlide(str(path)) as plain:
        scale = plain.level_downsamples[level]
        region = plain.read_region((round(x * scale), round(y * scale)), level, (width, height))
        return np.asarray(region.convert("RGB")).astype(int)


@pytest.mark.parametrize("kind", [(240, False), (240, True), (256, False), (256, True)])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_the_fast_path_gives_openslides_pixels(slides, kind, data):
    level = data.draw(st.integers(0, 1))
    with open_slide(slides[kind]) as slide:
        assert slide.fast
        size = slide.levels[level]
        width = data.draw(st.integers(1, size.width))
        height = data.draw(st.integers(1, size.height))
        places = st.tuples(st.integers(0, size.height - height), st.integers(0, size.width - width))
        corners = [(x, y) for y, x in sorted(data.draw(st.lists(places, min_size=1, max_size=6)))]
        got = [window.astype(int) for window in slide.windows(level, corners, width, height)]
    assert len(got) == len(corners)
    for (x, y), window in zip(corners, got, strict=True):
        assert np.abs(window - openslide_window(slides[kind], level, x, y, width, height)).max() <= 2


def test_both_paths_agree_on_a_real_jpeg_slide(real_data):
    path = real_data("slides/cmu-1-small-region.svs")
    corners = [(x, y) for y in range(0, 2800, 700) for x in range(0, 1900, 600)]
    with open_slide(path) as slide:
        assert slide.fast and slide.mpp == pytest.approx(0.499) and slide.objective == 20
        for (x, y), window in zip(corners, slide.windows(0, corners, 300, 160), strict=True):
            assert np.abs(window - openslide_window(path, 0, x, y, 300, 160)).max() <= 2


def test_a_real_jpeg_2000_slide_is_read_by_the_fallback(real_data):
    path = real_data("slides/tcga-cr-7395-01a-01-ts1.svs")
    with open_slide(path) as slide:
        assert not slide.fast and slide.mpp is None and slide.objective is None
        (window,) = slide.windows(0, [(1000, 1200)], 100, 80)
        assert np.array_equal(window, openslide_window(path, 0, 1000, 1200, 100, 80))
        assert slide.thumbnail(500).shape == (401, 500, 3)
    assert check_slide(path, assume_mpp=0.25).mpp == 0.25


def test_each_source_tile_is_decoded_once(slides, monkeypatch):
    with open_slide(slides[240, False]) as slide:
        decoded = []
        plain = slide._tiles.decode
        monkeypatch.setattr(slide._tiles, "decode", lambda *a: (decoded.append(a[1]), plain(*a)))
        corners = [(x, y) for y in range(0, HEIGHT - 128, 128) for x in range(0, WIDTH - 128, 128)]
        assert len(list(slide.windows(0, corners, 128, 128))) == len(corners)
    assert len(decoded) == len(set(decoded))


def test_only_the_source_tiles_under_a_window_are_decoded(slides, monkeypatch):
    with open_slide(slides[256, False]) as slide:
        decoded = []
        plain = slide._tiles.decode
        monkeypatch.setattr(slide._tiles, "decode", lambda *a: (decoded.append(a[1]), plain(*a)))
        list(slide.windows(0, [(256, 256), (768, 512)], 256, 256))
    assert decoded == [1 * 6 + 1, 2 * 6 + 3]


def test_an_odd_end_of_a_source_tile_costs_nothing(slides, tmp_path):
    """Some scanners leave the end marker out; all pixels are there."""
    data = bytearray(slides[256, False].read_bytes())
    with open_slide(slides[256, False]) as slide:
        grid = slide._tiles.grids[0]
        offset, count = grid.offsets[8], grid.counts[8]
        data[offset + count - 2 : offset + count] = b"\0\0"
        path = tmp_path / "odd.svs"
        path.write_bytes(data)
        corners = [(256, 0), (512, 256), (768, 256)]
        good = [window.copy() for window in slide.windows(0, corners, 256, 256)]
    with open_slide(path) as slide:
        assert slide.fast
        got = [window.copy() for window in slide.windows(0, corners, 256, 256)]
        assert not any(slide.is_damaged(0, x, y, 256, 256) for x, y in corners)
    assert np.array_equal(got, good)


def test_a_thumbnail_shows_the_whole_slide(slides, painted):
    with open_slide(slides[240, True]) as slide:
        small = slide.thumbnail(130)
        assert small.shape == (100, 130, 3)
        means = painted.reshape(100, 10, 130, 10, 3).mean(axis=(1, 3))
        assert np.abs(small - means).mean() < 3


def test_what_is_no_slide_is_an_error_with_a_reason(real_data, tmp_path):
    with pytest.raises(SlideError, match="unreadable"):
        check_slide(real_data("slides/broken.svs"))
    with pytest.raises(SlideError, match="unreadable"):
        check_slide(tmp_path / "absent.svs")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_slide_is_an_error(slides, tmp_path, share):
    whole = slides[240, False].read_bytes()
    (tmp_path / "cut.svs").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SlideError):
        check_slide(tmp_path / "cut.svs")


def test_a_slide_whose_pixels_are_damaged_is_an_error(slides, tmp_path):
    path = tmp_path / "holed.svs"
    shutil.copy(slides[240, False], path)
    with path.open("r+b") as stream:
        stream.seek(8)
        stream.write(b"\0" * 20_000)
    with pytest.raises(SlideError, match="damaged"):
        check_slide(path)


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [("CENTIMETER", 20_000, 0.5), ("INCH", 101_600, 0.25), ("INCH", 72, None)],
)
def test_resolution_tags_of_a_plain_tiff_are_taken_if_a_scanner_wrote_them(
    tmp_path, unit, per_unit, expected
):
    import tifffile

    path = tmp_path / "plain.tif"
    image = np.full((512, 512, 3), 200, np.uint8)
    tifffile.imwrite(
        path, image, tile=(256, 256), photometric="rgb", resolution=(per_unit, per_unit), resolutionunit=unit
    )
    with open_slide(path) as slide:
        assert slide.vendor == "generic-tiff" and not slide.fast
        assert slide.mpp == (pytest.approx(expected) if expected else None)
