"""Slides whose JPEG data is damaged: what is a guess of the decoder is no tile, and is counted."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from brume.slides.demo.painter import GLASS, write_slide
from brume.slides.model.grid import Tiling
from brume.slides.model.reader import SlideError, open_slide
from brume.slides.model.remarks import Remark
from brume.slides.model.tiles import read_marks, tile_group
from tests.components.slides.tiled import cut, source

SIDE = 256


@pytest.fixture
def sound(tissue, tmp_path):
    """A slide of four by three source tiles."""
    path = tmp_path / "a.svs"
    write_slide(path, tissue[: 3 * SIDE, : 4 * SIDE], source_tile=SIDE, levels=(4,))
    return path


def damage(path, out, tiles, kind):
    """Copy a slide with some source tiles of its level 0 damaged in their midst."""
    data = bytearray(path.read_bytes())
    with open_slide(path) as slide:
        grid = slide._tiles.grids[0]
    for tile in tiles:
        middle = grid.offsets[tile] + grid.counts[tile] // 2
        end = grid.offsets[tile] + grid.counts[tile]
        if kind == "overwritten":  # with valid codes of other pixels: only what is left over betrays them
            part = data[grid.offsets[tile + 1] + 700 :][:400].replace(b"\xff", b"\xfe")
            data[middle : middle + 400] = part
        elif kind == "zeros":
            data[middle:end] = bytes(end - middle)
        else:
            data[middle : middle + 200] = b"\xff" * 200
    out.write_bytes(data)


@pytest.mark.parametrize(
    ("kind", "size"), [("overwritten", 256), ("overwritten", 128), ("zeros", 128), ("markers", 256)]
)
def test_damaged_tiles_are_left_out_and_counted(sound, tmp_path, kind, size):
    """The decoder's guess was a tile like any other, or cost the whole slide."""
    damaged = tmp_path / "damaged.svs"
    damage(sound, damaged, (5, 6), kind)
    tiling = Tiling(size, max_background=1)
    good = {(tile.x, tile.y): tile.image for tile in cut(sound, tmp_path / "good", tiling)}
    inside = {place for place in good if 256 <= place[0] < 768 and 256 <= place[1] < 512}
    files, rejects = tile_group([source(damaged)], str(tmp_path / "out"), tiling)
    assert rejects == []
    got = {(tile.x, tile.y): tile.image for tile in cut(damaged, tmp_path / "got", tiling)}
    assert got == {place: image for place, image in good.items() if place not in inside}
    (mark,) = read_marks(files)
    text = f"{len(inside)} of {len(good)} tiles are left out: their JPEG data is damaged"
    assert mark.remarks() == [Remark("damaged.svs", "tiling", text)]


def test_resampled_tiles_over_damage_are_left_out(sound, tmp_path):
    damaged = tmp_path / "damaged.svs"
    damage(sound, damaged, (0,), "zeros")
    tiling = Tiling(100, mpp=0.6, max_background=1)
    good, got = (cut(path, tmp_path / "t", tiling) for path in (sound, damaged))
    left_out = {(tile.x, tile.y) for tile in good} - {(tile.x, tile.y) for tile in got}
    assert left_out == {(x, y) for x in (0, 120, 240) for y in (0, 120, 240)}


def test_a_slide_that_is_damaged_for_the_most_part_is_set_aside(sound, tmp_path):
    damaged = tmp_path / "damaged.svs"
    damage(sound, damaged, range(8), "zeros")
    with pytest.raises(SlideError, match="damaged: the JPEG data of 8 of 12 tiles"):
        cut(damaged, tmp_path / "t", Tiling(256, max_background=1))
    assert not (tmp_path / "t").exists()


def test_much_ink_is_remarked_on(tmp_path):
    """A small biopsy in a circle of ink is rightly so; a stain that was mistaken for ink has to be seen."""
    image = Image.new("RGB", (3000, 3000), (GLASS,) * 3)
    draw = ImageDraw.Draw(image)
    draw.ellipse((300, 300, 2700, 2700), outline=(40, 70, 170), width=80)
    draw.ellipse((1200, 1200, 1800, 1800), fill=(225, 165, 200))
    write_slide(tmp_path / "a.svs", np.asarray(image), levels=(4,))
    files, rejects = tile_group([source(tmp_path / "a.svs")], str(tmp_path / "out"), Tiling(224))
    (remark,) = next(read_marks(files)).remarks()
    assert rejects == [] and "taken for ink: if it is tissue, use ink=off" in remark.remark
    files, _ = tile_group([source(tmp_path / "a.svs")], str(tmp_path / "out"), Tiling(224, ink="off"))
    assert next(read_marks(files)).remarks() == []
