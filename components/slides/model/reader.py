"""Opening slides, and reading many windows of one fast.

OpenSlide opens nearly every format. Windows of tiled JPEG files are read without it, which is several times
faster; its ``read_region`` is the fallback for all others, and both give the same pixels. TIFF files that it
refuses, or sees a part of, are read by their own layout.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import openslide
from PIL import Image

from brume.slides.model.source_tiles import Level, Pixels, SourceTiles, UnsupportedTileError
from brume.slides.model.tiff_pyramid import (
    MAX_TILE_PIXELS,
    TiffLayout,
    TiffPyramid,
    UnsupportedTiffError,
    read_layout,
)
from brume.slides.model.tiled_jpeg import TiledJpegReader

# A microscope's pixel, in microns: outside of this a resolution tag is a printer's, not a scanner's.
PLAUSIBLE_MPP = (0.02, 50.0)
# A pixel that is longer than it is wide by more than this share is not square.
SQUARE_WITHIN = 0.02
# A magnification times the microns per pixel that cameras have with it.
MAGNIFIED_PIXEL = 10.0
# Rows of a level are read in strips of this many pixels when a thumbnail is made.
STRIP_PIXELS = 16_000_000


class SlideError(RuntimeError):
    """A slide that cannot be used; the message is the reason in the table of rejects."""


class Slide:
    """An open slide; ``mpp`` is microns per level-0 pixel, None when it is not known.

    ``mpp_from``: the slide's own, from its labels, by its objective (10 / magnification), or assumed.
    """

    _layout: TiffLayout | None = None  # of a TIFF file that is read without OpenSlide

    def __init__(self, path: Path, assume_mpp: float | None = None, given_mpp: float | None = None) -> None:
        self.path = path
        # OpenSlide calls a file that it may not open "unsupported": the system's own error is raised first.
        if path.exists():
            with path.open("rb"):
                pass
        self._openslide: openslide.OpenSlide | None = None
        facts, failure = self._open_with_openslide()
        self.vendor = facts.get(openslide.PROPERTY_NAME_VENDOR, "")
        if self.vendor in ("", "generic-tiff"):
            facts = self._open_as_tiff(failure) | facts
        self.dimensions = (self.levels[0].width, self.levels[0].height)
        power = facts.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)
        self.objective = float(power) if power else None
        guess = _plausible(MAGNIFIED_PIXEL / self.objective) if self.objective else None
        sources = {"slide": _mpp(facts), "labels": given_mpp, "objective": guess, "assumed": assume_mpp}
        self.mpp_from = next((name for name, mpp in sources.items() if mpp), "")
        self.mpp = sources.get(self.mpp_from)
        self._background = facts.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, "FFFFFF")
        self._tiles: SourceTiles | None = None
        if self._layout is not None or self.vendor in ("aperio", "generic-tiff"):
            self._tiles = TiledJpegReader.open(path, self.levels)
        if self._layout is not None and self._tiles is None:
            self._tiles = TiffPyramid(path, self._layout)

    def _open_with_openslide(self) -> tuple[dict[str, str], str]:
        """Open the file; return its properties, or none and the reason."""
        try:
            self._openslide = openslide.OpenSlide(str(self.path))
            facts = dict(self._openslide.properties)
            sizes, downsamples = self._openslide.level_dimensions, self._openslide.level_downsamples
        except (openslide.OpenSlideError, OSError) as error:
            _read_through(self.path)
            return {}, str(error)
        self.levels = tuple(
            Level(width, height, down) for (width, height), down in zip(sizes, downsamples, strict=True)
        )
        for number in range(len(self.levels)):
            # OpenSlide ends the process when it cannot have the memory of one tile.
            sides = [
                int(facts.get(f"openslide.level[{number}].tile-{side}", 0)) for side in ("width", "height")
            ]
            if sides[0] * sides[1] > MAX_TILE_PIXELS:
                raise SlideError(f"damaged: a tile of level {number} would be {sides[0]} x {sides[1]} pixels")
        return facts, ""

    def _open_as_tiff(self, failure: str) -> dict[str, str]:
        """Open what OpenSlide refused, or sees a part of, by the TIFF's own layout; return its facts.

        ``failure``: why OpenSlide refused the file, "" when it did not. Raises SlideError.
        """
        try:
            layout = read_layout(self.path)
        except UnsupportedTiffError as error:
            raise SlideError(str(error)) from error
        if failure and (layout is None or layout.problem):
            more = f"; as a TIFF file: {layout.problem}" if layout else ""
            raise SlideError(f"unreadable: {failure}{more}")
        if layout is None:
            return {}
        if failure or (len(layout.levels) > len(self.levels) and not layout.problem):
            if self._openslide is not None:
                self._openslide.close()
                self._openslide = None
            self.levels, self.vendor, self._layout = layout.levels, layout.kind, layout
        return layout.facts

    @property
    def fast(self) -> bool:
        """Whether windows are read past OpenSlide."""
        return self._tiles is not None

    def close(self) -> None:
        """Release the file."""
        for opened in (self._openslide, self._tiles):
            if opened is not None:
                opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def thumbnail(self, max_side: int) -> Pixels:
        """Return the whole slide, uint8 [h, w, 3], its longer side at most ``max_side`` pixels.

        Read in strips, so a slide without lower levels does not fill the memory. Raises SlideError.
        """
        shrink = max(1.0, max(self.dimensions) / max_side)
        number = max(i for i, level in enumerate(self.levels) if level.downsample <= max(1.0, shrink * 1.001))
        level = self.levels[number]
        factor = max(1, int(max(level.width, level.height) / max_side))
        rows = max(1, STRIP_PIXELS // level.width // factor) * factor
        strips = []
        for top in range(0, level.height, rows):
            high = min(rows, level.height - top)
            for strip in self.windows(number, [(0, top)], level.width, high):
                strips.append(np.asarray(Image.fromarray(strip).reduce(factor)))
        whole = Image.fromarray(np.concatenate(strips))
        width, height = (max(1, round(side / shrink)) for side in self.dimensions)
        return np.asarray(whole.resize((width, height), Image.Resampling.BOX))

    def windows(
        self, level: int, corners: Sequence[tuple[int, int]], width: int, height: int
    ) -> Iterator[Pixels]:
        """Yield the window of width x height at each corner (x, y), all in pixels of ``level``.

        Corners go in row order and their windows lie inside the level. Each array, uint8
        [height, width, 3], is valid until the next one is asked for. Raises SlideError.
        """
        done = 0
        if self._tiles is not None:
            try:
                for window in self._tiles.windows(level, corners, width, height):
                    yield window
                    done += 1
                return
            except UnsupportedTileError as error:
                if self._openslide is None:
                    raise SlideError(f"damaged: {error}") from error
                logging.getLogger(__name__).info("%s: %s; read on with OpenSlide", self.path.name, error)
        if (opened := self._openslide) is not None:
            for x, y in corners[done:]:
                yield np.asarray(self._region(opened, level, x, y, width, height))

    def is_damaged(self, level: int, x: int, y: int, width: int, height: int) -> bool:
        """Return whether the pixels of a window that was read are a guess, as the file's data is damaged.

        It is known of tiled JPEG files; elsewhere OpenSlide raises for most damage, and not for all of it.
        """
        return self._tiles is not None and self._tiles.is_damaged(level, x, y, width, height)

    def _region(
        self, opened: openslide.OpenSlide, level: int, x: int, y: int, width: int, height: int
    ) -> Image.Image:
        """Read a window of a level by OpenSlide; where the scanner took no picture there is background."""
        origin = tuple(self._level0(level, at, axis) for axis, at in enumerate((x, y)))
        try:
            region = opened.read_region(origin, level, (width, height))
        except openslide.OpenSlideError as error:
            _read_through(self.path)
            raise SlideError(f"damaged at level {level}, x {x}, y {y}: {error}") from error
        if region.getextrema()[3][0] == 255:
            opaque: Image.Image = region.convert("RGB")
            return opaque
        plain = Image.new("RGB", region.size, f"#{self._background}")
        plain.paste(region, mask=region.getchannel("A"))
        return plain

    def _level0(self, level: int, at: int, axis: int) -> int:
        """Return the level-0 coordinate that OpenSlide turns back into pixel ``at`` of the level."""
        return math.ceil(at * self.levels[level].downsample - 1e-6)


def _read_through(path: Path) -> None:
    """Read the files of a slide from end to end, so that a failing disk is its own `OSError`.

    OpenSlide gives the same error for damaged content and for a disk that cannot be read.
    """
    files = [path]
    if path.suffix.lower() == ".mrxs":
        files += sorted(path.with_suffix("").glob("*"))
    elif path.suffix.lower() == ".dcm":
        files += sorted(path.parent.glob("*.dcm"))
    for file in files:
        if file.is_file():
            with file.open("rb", buffering=0) as stream:
                while stream.read(1 << 20):
                    pass


def open_slide(path: Path, assume_mpp: float | None = None, given_mpp: float | None = None) -> Slide:
    """Open a slide of any format that OpenSlide reads; use it as a context manager.

    For a slide that does not say its microns per level-0 pixel, they are ``given_mpp``, else guessed by its
    objective, else ``assume_mpp``. Raises SlideError for a file that cannot be used, and `OSError` for one
    that cannot be reached: a permission is missing, a disk fails.
    """
    return Slide(path, assume_mpp, given_mpp)


@dataclass(frozen=True)
class SlideFacts:
    """Properties of a slide: level-0 size in pixels, microns per pixel and from where, objective, vendor."""

    width: int
    height: int
    mpp: float | None
    mpp_from: str
    objective: float | None
    vendor: str


def check_slide(path: Path, assume_mpp: float | None = None, given_mpp: float | None = None) -> SlideFacts:
    """Open a slide, read a pixel at the start and at the end of each level, and return its facts.

    Raises SlideError for a file that is no slide, is damaged or was cut short.
    """
    with open_slide(path, assume_mpp, given_mpp) as slide:
        for number, level in enumerate(slide.levels):
            corners = [(0, 0), (level.width - 1, level.height - 1)]
            for _ in slide.windows(number, corners, 1, 1):
                pass
        width, height = slide.dimensions
        return SlideFacts(width, height, slide.mpp, slide.mpp_from, slide.objective, slide.vendor)


def _plausible(mpp: float) -> float | None:
    low, high = PLAUSIBLE_MPP
    return mpp if low <= mpp <= high else None


def _mpp(facts: dict[str, str]) -> float | None:
    """Find the microns per pixel in a slide's properties: the scanner's own, or a TIFF's resolution.

    Raises SlideError when its pixels are not square.
    """
    axes = []
    for axis in "xy":
        value = float(facts.get(f"openslide.mpp-{axis}") or 0)
        if not value:
            unit = {"centimeter": 10_000.0, "inch": 25_400.0}.get(facts.get("tiff.ResolutionUnit", ""), 0.0)
            per_unit = float(facts.get(f"tiff.{axis.upper()}Resolution") or 0)
            value = unit / per_unit if per_unit else 0.0
        axes.append(value)
    if not all(map(_plausible, axes)):
        return None
    if max(axes) > min(axes) * (1 + SQUARE_WITHIN):
        raise SlideError(f"its pixels are not square: {axes[0]:g} x {axes[1]:g} microns")
    return sum(axes) / 2
