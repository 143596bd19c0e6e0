"""One slide cut into tiles: which, at what scale, and their pixels."""

import subprocess
import sys

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.slides.demo.painter import GLASS, mosaic, write_slide
from brume.slides.model.grid import Tiling, plan, read_tiles
from brume.slides.model.reader import SlideError, open_slide
from tests.components.slides.tiled import cut


def test_each_tile_of_the_grid_is_written_once_and_the_partial_edge_is_dropped(slide, tmp_path):
    found = cut(slide, tmp_path / "t.tfrecord", Tiling(224, max_background=1))
    places = [(tile.x, tile.y) for tile in found]
    assert places == [(x, y) for y in range(0, 1200 - 223, 224) for x in range(0, 1500 - 223, 224)]
    assert {(tile.label, tile.slide, tile.patient, tile.level, tile.span) for tile in found} == {
        ("luad", "a.svs", "p1", 0, 224)
    }
    assert {tile.mpp for tile in found} == {0.5}


def test_tiles_are_jpeg_of_the_pixels_at_their_position(slide, tissue, tmp_path):
    """The original stored float32 pixels: 602,112 bytes for such a tile."""
    for tile in cut(slide, tmp_path / "t.tfrecord", Tiling(224, max_background=1)):
        height, width, colours, subsampling = simplejpeg.decode_jpeg_header(tile.image)
        assert (height, width, colours, subsampling) == (tile.height, tile.width, "YCbCr", "420")
        there = tissue[tile.y : tile.y + 224, tile.x : tile.x + 224].astype(int)
        assert np.abs(simplejpeg.decode_jpeg(tile.image) - there).mean() < 8
        assert len(tile.image) < 224 * 224 * 3 * 4 / 10


@settings(max_examples=30, deadline=None)
@given(mpp=st.one_of(st.none(), st.floats(0.2, 6)), size=st.integers(16, 300), source_mpp=st.floats(0.1, 1.5))
def test_any_resolution_can_be_asked_of_any_slide(slide, mpp, size, source_mpp):
    """The original compared magnifications for equality: a 25x slide gave no tile."""
    with open_slide(slide) as opened:
        opened.mpp = source_mpp
        tiling = Tiling(size, mpp=mpp, max_background=1)
        step = size * (mpp or source_mpp) / source_mpp
        if step < size * 0.9:
            with pytest.raises(SlideError, match="too coarse"):
                plan(opened, tiling)
            return
        if step > 1200 * 1.01:
            with pytest.raises(SlideError, match="smaller than one tile"):
                plan(opened, tiling)
            return
        if step > 1200 * 0.99:
            return  # within what is taken as it is, either way
        chosen = plan(opened, tiling)
        assert chosen.mpp == pytest.approx(mpp or source_mpp, rel=0.011)
        assert chosen.span == pytest.approx(step, rel=0.011, abs=0.51)
        across, down = 1 + max(column for column, _ in chosen.cells), 1 + max(row for _, row in chosen.cells)
        assert chosen.cells == tuple((column, row) for row in range(down) for column in range(across))
        for _, pixels in read_tiles(opened, plan(opened, tiling)):
            assert pixels.shape == (size, size, 3) and pixels.dtype == np.uint8
            break


def test_resampled_tiles_show_what_is_at_their_position(tissue, tmp_path):
    """Bright squares on a dark slide, one in each tile's corner, at a scale that falls between pixels."""
    image = np.full((1300, 1300, 3), (110, 75, 150), np.uint8)
    scale = 1.37
    for row in range(9):
        for column in range(9):
            x, y = round(column * 100 * scale), round(row * 100 * scale)
            image[y : y + 30, x : x + 30] = (240, 60, 120)
    write_slide(tmp_path / "a.svs", image, mpp=0.5, levels=(), quality=95)
    tiling = Tiling(100, mpp=0.5 * scale, max_background=1)
    found = cut(tmp_path / "a.svs", tmp_path / "t.tfrecord", tiling)
    assert len(found) == 81 and {tile.span for tile in found} == {137}
    for tile in found:
        pixels = simplejpeg.decode_jpeg(tile.image).astype(int)
        assert pixels[3:18, 3:18, 0].min() > 200 and pixels[28:96, 28:96, 0].max() < 160
        assert (tile.x, tile.y) == (round(tile.x / 137) * 137, round(tile.y / 137) * 137)


def test_a_coarser_level_is_used_when_it_is_near_enough(slide, tmp_path):
    assert {tile.level for tile in cut(slide, tmp_path / "t", Tiling(64, mpp=2.01, max_background=1))} == {1}
    assert {tile.level for tile in cut(slide, tmp_path / "t", Tiling(64, mpp=2.4, max_background=1))} == {1}
    assert {tile.level for tile in cut(slide, tmp_path / "t", Tiling(64, mpp=1.9, max_background=1))} == {0}


def test_a_slide_without_mpp(tissue, tmp_path):
    write_slide(tmp_path / "a.svs", tissue, mpp=None)
    assert {tile.mpp for tile in cut(tmp_path / "a.svs", tmp_path / "t", Tiling(224))} == {0.0}
    with pytest.raises(SlideError, match="assume_mpp"):
        cut(tmp_path / "a.svs", tmp_path / "u", Tiling(224, mpp=1.0))
    assumed = cut(tmp_path / "a.svs", tmp_path / "v", Tiling(224, mpp=1.0, assume_mpp=0.5))
    assert {(tile.mpp, tile.span) for tile in assumed} == {(1.0, 448)}
    assert not (tmp_path / "u").exists()


@pytest.mark.parametrize("method", ["otsu", "saturation", "grey"])
def test_a_slide_without_tissue_is_an_error_not_a_hang(method, tmp_path):
    """The original drew tiles until it had enough: on an empty slide it never did."""
    write_slide(tmp_path / "glass.svs", np.full((900, 900, 3), GLASS, np.uint8))
    with pytest.raises(SlideError, match="no tissue"):
        cut(tmp_path / "glass.svs", tmp_path / "t", Tiling(224, tissue=method))
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("method", ["otsu", "saturation", "grey"])
def test_tiles_of_glass_are_dropped(method, tissue, tmp_path):
    whole = mosaic([tissue[:224, :224], tissue[224:448, :224], tissue[448:672, 224:448]])
    write_slide(tmp_path / "a.svs", whole)
    found = cut(tmp_path / "a.svs", tmp_path / "t", Tiling(224, tissue=method))
    assert [(tile.x, tile.y) for tile in found] == [(224, 224), (448, 224), (224, 448)]


@pytest.mark.parametrize(
    ("name", "size", "count"), [("cmu", 512, 6), ("tcga", 512, 34), ("cmu", 224, 45), ("tcga", 224, 188)]
)
def test_the_rule_of_the_original_on_real_slides(real_data, tmp_path, name, size, count):
    names = {"cmu": "cmu-1-small-region.svs", "tcga": "tcga-cr-7395-01a-01-ts1.svs"}
    path = real_data(f"slides/{names[name]}")
    assert len(cut(path, tmp_path / "t", Tiling(size, tissue="grey"))) == count


def test_the_mask_finds_the_same_tissue_on_real_slides(real_data, tmp_path):
    for name, count in (("cmu-1-small-region.svs", 45), ("tcga-cr-7395-01a-01-ts1.svs", 188)):
        path = real_data(f"slides/{name}")
        for method in ("otsu", "saturation"):
            assert abs(len(cut(path, tmp_path / "t", Tiling(224, tissue=method))) - count) <= 5


@pytest.mark.parametrize(
    "wrong",
    [{"tile_size": 0}, {"mpp": 0.0}, {"assume_mpp": -1.0}, {"max_background": 1.5}, {"jpeg_quality": 0}],
)
def test_parameters_out_of_range_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Tiling(**wrong)


@pytest.mark.slow
def test_memory_stays_bounded_on_a_wide_slide(tissue, tmp_path):
    """Rows as long as those of a slide of 40,000 x 30,000: memory grows with the row, not with the rows."""

    def paint(top, bottom):
        rows = tissue[np.arange(top, bottom) % len(tissue)]
        return np.tile(rows, (1, 27, 1))[:, :40_000]

    write_slide(tmp_path / "wide.svs", paint, size=(40_000, 3_000))
    code = (
        "import sys; from pathlib import Path; "
        "from brume.slides.model.slide_tiles import Tiling, tile_slide; "
        "result = tile_slide(Path(sys.argv[1]), Path(sys.argv[2]), slide='s', patient='p', label='l', "
        # Not ru_maxrss: a process starts with the peak of the one that forked it.
        "tiling=Tiling(512)); status = Path('/proc/self/status').read_text(); "
        "print(result.tiles, status.split('VmHWM:')[1].split()[0])"
    )
    arguments = [str(tmp_path / "wide.svs"), str(tmp_path / "t")]
    run = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    count, kilobytes = map(int, run.stdout.split())
    assert count == 78 * 5
    assert kilobytes < 400_000
