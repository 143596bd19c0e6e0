"""Cutting one slide into a TFRecord file of its tiles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import simplejpeg

from brume.slides.model.grid import Tiling, plan, read_tiles
from brume.slides.model.reader import SlideError, open_slide
from brume.slides.model.records import RecordWriter, Tile, encode
from brume.slides.model.remarks import Remark
from brume.slides.model.resolution import Scan
from brume.slides.model.tissue import background_share

STEP = "tiling"
# More ink than this, as a share of what is stained, is worth a look.
MUCH_INK = 0.2
# A slide with more damaged tiles than this share is not used at all.
MOST_DAMAGED = 0.5


@dataclass(frozen=True)
class TiledSlide:
    """One slide's file of tiles: how many, their bytes as JPEG, and how they were read.

    ``ink_share`` (0 to 1) of what is stained was taken for ink; ``damaged`` tiles of tissue are left out.
    """

    slide: str
    tiles: int
    bytes: int
    level: int
    mpp: float
    span: int
    scan: Scan
    ink_share: float = 0.0
    damaged: int = 0

    def remarks(self) -> list[Remark]:
        """Return what a reader should know of how the slide was cut."""
        texts = []
        if self.ink_share > MUCH_INK:
            texts.append(
                f"{self.ink_share:.0%} of what is stained was taken for ink: if it is tissue, use ink=off"
            )
        if self.damaged:
            total = self.tiles + self.damaged
            texts.append(f"{self.damaged} of {total} tiles are left out: their JPEG data is damaged")
        return [Remark(self.slide, STEP, text) for text in texts]


def tile_slide(
    path: Path,
    out: Path,
    *,
    slide: str,
    patient: str,
    label: str,
    tiling: Tiling,
    given_mpp: float | None = None,
) -> TiledSlide:
    """Write the tiles of the slide at ``path`` to the TFRecord file ``out``.

    ``given_mpp`` is of a slide that does not say its microns per level-0 pixel itself. The file appears when
    it is whole. Raises SlideError, and leaves no file, when the slide cannot be read, is damaged for the
    most part, has no tissue, or lacks the microns per pixel that the tiling needs. Memory
    does not grow with the slide, but for one row of its source tiles.
    """
    count = size = damaged = 0
    with open_slide(path, tiling.assume_mpp, given_mpp) as opened:
        scan = Scan(
            slide, round(opened.mpp or 0.0, 6), opened.mpp_from, opened.objective or 0.0, opened.vendor
        )
        chosen = plan(opened, tiling)
        with RecordWriter(out) as writer:
            for cell, pixels in read_tiles(opened, chosen):
                if pixels is None:
                    damaged += 1
                    continue
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
            if damaged > MOST_DAMAGED * (count + damaged):
                raise SlideError(f"damaged: the JPEG data of {damaged} of {count + damaged} tiles")
            if not count:
                raise SlideError(f"no tissue: every tile is more than {tiling.max_background:.0%} background")
    return TiledSlide(
        slide, count, size, chosen.level, chosen.mpp, chosen.span, scan, chosen.ink_share, damaged
    )
