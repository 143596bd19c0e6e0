"""Cutting one slide into a TFRecord file of its tiles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import simplejpeg

from brume.slides.model.grid import Tiling, plan, read_tiles
from brume.slides.model.reader import SlideError, open_slide
from brume.slides.model.records import RecordWriter, Tile, encode
from brume.slides.model.tissue import background_share


@dataclass(frozen=True)
class TiledSlide:
    """One slide's file of tiles: how many, their bytes as JPEG, and how they were read."""

    slide: str
    tiles: int
    bytes: int
    level: int
    mpp: float
    span: int


def tile_slide(path: Path, out: Path, *, slide: str, patient: str, label: str, tiling: Tiling) -> TiledSlide:
    """Write the tiles of the slide at ``path`` to the TFRecord file ``out``.

    The file appears when it is whole. Raises SlideError, and leaves no file, when the slide cannot be read,
    has no tissue, or lacks the microns per pixel that the tiling needs. Memory does not grow with the slide,
    but for one row of its source tiles.
    """
    count = size = 0
    with open_slide(path, tiling.assume_mpp) as opened:
        chosen = plan(opened, tiling)
        with RecordWriter(out) as writer:
            for cell, pixels in read_tiles(opened, chosen):
                if tiling.tissue == "grey" and background_share(pixels) > tiling.max_background:
                    continue
                jpeg = simplejpeg.encode_jpeg(pixels, tiling.jpeg_quality, "RGB", "420")
                x, y = chosen.corner(cell)
                side = tiling.tile_size
                tile = Tile(
                    jpeg, side, side, label, slide, patient, x, y, chosen.mpp, chosen.level, chosen.span
                )
                writer.write(encode(tile))
                count += 1
                size += len(jpeg)
            if not count:
                raise SlideError(f"no tissue: every tile is more than {tiling.max_background:.0%} background")
    return TiledSlide(slide, count, size, chosen.level, chosen.mpp, chosen.span)
