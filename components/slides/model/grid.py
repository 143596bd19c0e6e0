"""Which tiles of a slide are cut, at what scale, and their pixels.

Tiles lie on a grid without overlap whose origin is the slide's top left corner. Only whole tiles are cut: the
strip at the right and lower edge that is narrower than a tile is dropped. Tiles come in row order, each once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brume.slides.model.reader import Slide, SlideError
from brume.slides.model.tissue import DarkFieldError, InkRule, TissueMethod, close_gaps, find_tissue

# A level whose resolution is this close to the one asked for is taken as it is, without resampling.
NATIVE_WITHIN = 0.01
# A slide that is coarser than what is asked for by more than this share is not enlarged.
COARSER_WITHIN = 0.1
# The tissue mask is made from a picture of this many pixels for each tile's side, within these bounds.
MASK_PIXELS_PER_TILE = 12
MASK_SIDES = (1024, 3072)
# Glass between tissue counts as tissue when it is narrower than this share of a tile.
GAP_SHARE = 0.25
# A single tile's source pixels may take this much memory: a coarse mpp of a slide without lower levels.
MAX_WINDOW_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Tiling:
    """How slides are cut.

    ``tile_size`` is the side of a tile in pixels, at ``mpp`` microns per pixel (None: level 0 as it is). A
    level that differs from it by no more than the share ``native_within`` is not resampled.
    ``assume_mpp`` is used for slides that do not state theirs. A tile is dropped when more than
    ``max_background`` (0 to 1) of it is background. ``jpeg_quality`` is 1 to 100. ``tissue`` defines
    background: what is outside the tissue mask (``otsu``, or ``saturation`` with a fixed threshold), or
    ``grey``, the rule of the original pipeline on the tile's own pixels. ``ink``: a pen's strokes are
    background (``auto``) or not (``off``).
    """

    tile_size: int = 512
    mpp: float | None = None
    assume_mpp: float | None = None
    max_background: float = 0.5
    jpeg_quality: int = 90
    tissue: TissueMethod = "otsu"
    ink: InkRule = "auto"
    native_within: float = NATIVE_WITHIN

    def __post_init__(self) -> None:
        """Raise ValueError naming the field that makes no sense."""
        if self.tile_size < 1:
            raise ValueError(f"tile_size={self.tile_size} must be at least 1 pixel")
        for name in ("mpp", "assume_mpp"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name}={value} must be microns per pixel above 0, or left out")
        if not 0 <= self.max_background <= 1:
            raise ValueError(f"max_background={self.max_background} must be a share from 0 to 1")
        if not 1 <= self.jpeg_quality <= 100:
            raise ValueError(f"jpeg_quality={self.jpeg_quality} must be from 1 to 100")
        if self.tissue not in ("otsu", "saturation", "grey"):
            raise ValueError(f"tissue={self.tissue!r} must be otsu, saturation or grey")
        if self.ink not in ("auto", "off"):
            raise ValueError(f"ink={self.ink!r} must be auto or off")


@dataclass(frozen=True)
class Plan:
    """The tiles of a slide that are worth reading, and how they are read.

    A tile is ``step`` pixels of ``level`` wide: read as it is when that is the tile size, else resampled.
    ``span`` is its side in pixels of level 0. ``cells`` are (column, row) in the grid, in row order. ``mpp``
    is that of the stored tile, 0.0 when unknown. ``ink_share`` (0 to 1) of what is stained was taken for ink.
    """

    tile_size: int
    level: int
    downsample: float
    step: float
    mpp: float
    cells: tuple[tuple[int, int], ...]
    ink_share: float = 0.0

    @property
    def span(self) -> int:
        """Side of a tile in level-0 pixels."""
        return round(self.step * self.downsample)

    def corner(self, cell: tuple[int, int]) -> tuple[int, int]:
        """Return the top left corner (x, y) of a cell in level-0 pixels."""
        column, row = cell
        return round(column * self.step * self.downsample), round(row * self.step * self.downsample)


def plan(slide: Slide, tiling: Tiling) -> Plan:
    """Choose level and scale, and the grid cells to read.

    With a tissue mask those are the cells that hold enough tissue; by the rule ``grey`` all of them, as their
    pixels have yet to be seen. Tiles are resampled from the nearest finer level. Raises SlideError when the
    slide has no mpp and one is asked for, or is coarser, has no tissue, or is one of fluorescence.
    """
    level, step = _scale(slide, tiling)
    chosen = slide.levels[level]
    mpp = round((slide.mpp or 0.0) * chosen.downsample * step / tiling.tile_size, 6)
    # The small excess keeps a tile whose end falls on the slide's edge but for rounding.
    columns, rows = (int(side / step + 1e-6) for side in (chosen.width, chosen.height))
    if not columns or not rows:
        raise SlideError(
            f"smaller than one tile: {chosen.width} x {chosen.height} pixels on level {level}, a tile takes "
            f"{math.ceil(step)}"
        )
    ink_share = 0.0
    if tiling.tissue == "grey":
        kept = np.ones((rows, columns), np.bool_)
    else:
        tiles_across = max(slide.dimensions) / (step * chosen.downsample)
        side = int(np.clip(tiles_across * MASK_PIXELS_PER_TILE, *MASK_SIDES))
        try:
            tissue = find_tissue(slide.thumbnail(side), tiling.tissue, tiling.ink)
        except DarkFieldError as error:
            raise SlideError(str(error)) from error
        ink_share, mask = tissue.ink_share, tissue.mask
        mask = close_gaps(mask, round(max(mask.shape) / tiles_across * GAP_SHARE / 2))
        share = _mask_share(mask, step / chosen.width, step / chosen.height, columns, rows)
        kept = 1 - share <= tiling.max_background + 1e-9
    cells = tuple((int(column), int(row)) for row, column in np.argwhere(kept))
    if not cells:
        taken = f"; {ink_share:.0%} of what is stained was taken for ink" if ink_share else ""
        raise SlideError(f"no tissue: every tile is more than {tiling.max_background:.0%} background{taken}")
    return Plan(tiling.tile_size, level, chosen.downsample, step, mpp, cells, ink_share)


def read_tiles(slide: Slide, chosen: Plan) -> Iterator[tuple[tuple[int, int], NDArray[np.uint8] | None]]:
    """Yield each cell of the plan with its pixels, uint8 [tile_size, tile_size, 3], or None if damaged.

    An array is valid until the next one is asked for. Raises SlideError where the file cannot be read.
    """
    level, size = slide.levels[chosen.level], chosen.tile_size
    if chosen.step == size:
        corners = [(column * size, row * size) for column, row in chosen.cells]
        windows = slide.windows(chosen.level, corners, size, size)
        for cell, corner, window in zip(chosen.cells, corners, windows, strict=True):
            yield cell, None if slide.is_damaged(chosen.level, *corner, size, size) else window
        return
    # A tile's box may start and end between pixels: the window around it is whole pixels, inside the level.
    width, height = (min(math.ceil(chosen.step) + 1, side) for side in (level.width, level.height))
    starts = [(column * chosen.step, row * chosen.step) for column, row in chosen.cells]
    corners = [(min(int(x), level.width - width), min(int(y), level.height - height)) for x, y in starts]
    windows = slide.windows(chosen.level, corners, width, height)
    for cell, (x, y), (left, top), window in zip(chosen.cells, starts, corners, windows, strict=True):
        if slide.is_damaged(chosen.level, left, top, width, height):
            yield cell, None
            continue
        box = (x - left, y - top, min(x - left + chosen.step, width), min(y - top + chosen.step, height))
        image = Image.fromarray(window).resize((size, size), Image.Resampling.LANCZOS, box)
        yield cell, np.asarray(image)


def _scale(slide: Slide, tiling: Tiling) -> tuple[int, float]:
    """Return the level to read from and how many of its pixels make a tile's side."""
    if tiling.mpp is None:
        return 0, float(tiling.tile_size)
    if slide.mpp is None:
        raise SlideError(
            f"has no microns per pixel, so mpp={tiling.mpp:g} cannot be met: give them in a column "
            "mpp of the labels (for new slides: in resolutions), or for all such slides as assume_mpp"
        )
    wanted = tiling.mpp / slide.mpp
    off = [abs(wanted / level.downsample - 1) for level in slide.levels]
    if min(off) <= tiling.native_within:
        return off.index(min(off)), float(tiling.tile_size)
    if wanted < 1 - COARSER_WITHIN:
        raise SlideError(
            f"too coarse: it has {slide.mpp:g} microns per pixel and would have to be enlarged to "
            f"{tiling.mpp:g}: use a larger mpp, or a model of one"
        )
    finer = [number for number, level in enumerate(slide.levels) if level.downsample < wanted]
    number = max(finer, default=0)
    step = tiling.tile_size * wanted / slide.levels[number].downsample
    if step * step * 3 > MAX_WINDOW_BYTES:
        raise SlideError(
            f"its nearest level is {slide.mpp * slide.levels[number].downsample:g} microns per pixel: too "
            f"fine to cut tiles of {tiling.tile_size} pixels at mpp={tiling.mpp:g} from"
        )
    return number, step


def _mask_share(
    mask: NDArray[np.bool_], step_x: float, step_y: float, columns: int, rows: int
) -> NDArray[np.float64]:
    """Return the share of tissue, [rows, columns], in cells of step_x x step_y (in shares of the sides)."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    sums[1:, 1:] = mask.cumsum(axis=0).cumsum(axis=1)

    def edges(count: int, step: float, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ends = np.rint(np.arange(count + 1) * step * side).astype(np.int64)
        low = np.minimum(ends[:-1], side - 1)
        return low, np.clip(ends[1:], low + 1, side)

    left, right = edges(columns, step_x, mask.shape[1])
    top, bottom = edges(rows, step_y, mask.shape[0])
    total = sums[np.ix_(bottom, right)] - sums[np.ix_(top, right)]
    total += sums[np.ix_(top, left)] - sums[np.ix_(bottom, left)]
    share: NDArray[np.float64] = total / np.outer(bottom - top, right - left)
    return share
