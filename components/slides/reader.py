"""Opening slides, and reading many windows of one fast.

OpenSlide opens everything and says what is what; its ``read_region`` is the fallback that reads
everything. JPEG-compressed TIFFs (most SVS files) are read past it: a source tile is decoded once by
libjpeg-turbo, in row order of the windows, and copied into each window that it overlaps.
"""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import openslide
import simplejpeg
import tifffile
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

# A microscope's pixel, in microns: outside of this a resolution tag is a printer's, not a scanner's.
PLAUSIBLE_MPP = (0.02, 50.0)
# Rows of a level are read in strips of this many pixels when a thumbnail is made.
STRIP_PIXELS = 16_000_000
JPEG_COMPRESSION = 7
PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR = 2, 6
# Adobe's marker with transform 0: the components are RGB. A TIFF says so in a tag, the decoder needs it here.
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


class SlideError(RuntimeError):
    """A slide that cannot be used; the message is the reason, as it stands in the table of rejects."""


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size in pixels, and level-0 pixels per pixel."""

    width: int
    height: int
    downsample: float


class Slide:
    """An open slide. ``mpp`` is microns per level-0 pixel, None when neither the file nor the caller says."""

    def __init__(self, path: Path, assume_mpp: float | None = None) -> None:
        self.path = path
        try:
            self._openslide = openslide.OpenSlide(str(path))
            facts = dict(self._openslide.properties)
            sizes, downsamples = self._openslide.level_dimensions, self._openslide.level_downsamples
        except (openslide.OpenSlideError, OSError) as error:
            raise SlideError(f"unreadable: {error}") from error
        self.levels = tuple(
            Level(width, height, down) for (width, height), down in zip(sizes, downsamples, strict=True)
        )
        self.dimensions: tuple[int, int] = sizes[0]
        self.vendor = facts.get(openslide.PROPERTY_NAME_VENDOR, "")
        self.mpp = _mpp(facts) or assume_mpp
        power = facts.get(openslide.PROPERTY_NAME_OBJECTIVE_POWER)
        self.objective = float(power) if power else None
        self._background = facts.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, "FFFFFF")
        self._jpegs = (
            TiledJpegReader.open(path, self.levels) if self.vendor in ("aperio", "generic-tiff") else None
        )

    @property
    def fast(self) -> bool:
        """Whether windows are read past OpenSlide."""
        return self._jpegs is not None

    def close(self) -> None:
        """Release the file."""
        self._openslide.close()
        if self._jpegs is not None:
            self._jpegs.close()

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
            strip = self._region(number, 0, top, level.width, min(rows, level.height - top))
            strips.append(np.asarray(strip.reduce(factor)))
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
        if self._jpegs is not None:
            try:
                for window in self._jpegs.windows(level, corners, width, height):
                    yield window
                    done += 1
                return
            except _OddJpegError as error:
                logging.getLogger(__name__).info("%s: %s; read on with OpenSlide", self.path.name, error)
        for x, y in corners[done:]:
            yield np.asarray(self._region(level, x, y, width, height))

    def _region(self, level: int, x: int, y: int, width: int, height: int) -> Image.Image:
        """Read a window of a level by OpenSlide; where the scanner took no picture there is background."""
        origin = tuple(self._level0(level, at, axis) for axis, at in enumerate((x, y)))
        try:
            region = self._openslide.read_region(origin, level, (width, height))
        except openslide.OpenSlideError as error:
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


def open_slide(path: Path, assume_mpp: float | None = None) -> Slide:
    """Open a slide of any format that OpenSlide reads; use it as a context manager.

    ``assume_mpp``: microns per level-0 pixel for a slide that does not say. Raises SlideError.
    """
    return Slide(path, assume_mpp)


@dataclass(frozen=True)
class SlideFacts:
    """What a slide says of itself: size in level-0 pixels, microns per pixel, objective power, vendor."""

    width: int
    height: int
    mpp: float | None
    objective: float | None
    vendor: str


def check_slide(path: Path, assume_mpp: float | None = None) -> SlideFacts:
    """Open a slide, read a pixel at the start and at the end of each level, and return its facts.

    Raises SlideError for a file that is no slide, is damaged or was cut short.
    """
    with open_slide(path, assume_mpp) as slide:
        for number, level in enumerate(slide.levels):
            corners = [(0, 0), (level.width - 1, level.height - 1)]
            for _ in slide.windows(number, corners, 1, 1):
                pass
        width, height = slide.dimensions
        return SlideFacts(width, height, slide.mpp, slide.objective, slide.vendor)


def _mpp(facts: dict[str, str]) -> float | None:
    """Find the microns per pixel in a slide's properties: the scanner's own, or a TIFF's resolution."""
    axes = []
    for axis in "xy":
        value = float(facts.get(f"openslide.mpp-{axis}") or 0)
        if not value:
            unit = {"centimeter": 10_000.0, "inch": 25_400.0}.get(facts.get("tiff.ResolutionUnit", ""), 0.0)
            per_unit = float(facts.get(f"tiff.{axis.upper()}Resolution") or 0)
            value = unit / per_unit if per_unit else 0.0
        axes.append(value)
    mean = sum(axes) / 2
    low, high = PLAUSIBLE_MPP
    return mean if all(low <= value <= high for value in axes) else None


class _OddJpegError(Exception):
    """A source tile that the fast path does not understand."""


@dataclass(frozen=True)
class _JpegLevel:
    width: int  # of a source tile
    height: int
    across: int  # source tiles in a row
    offsets: Sequence[int]
    counts: Sequence[int]
    prefix: bytes  # what goes before a source tile's own bytes: start of image, colours, tables


class TiledJpegReader:
    """Reads windows of a TIFF whose levels are all JPEG tiles, each source tile decoded once."""

    def __init__(self, path: Path, levels: Sequence[_JpegLevel]) -> None:
        self._levels = levels
        self._file = os.open(path, os.O_RDONLY)

    @classmethod
    def open(cls, path: Path, levels: Sequence[Level]) -> TiledJpegReader | None:
        """Open a file for the fast path, or return None where anything about it is out of the ordinary."""
        try:
            with tifffile.TiffFile(path) as tiff, path.open("rb") as stream:
                found = []
                for level in levels:
                    page = next((p for p in tiff.pages if _fits(p, level)), None)
                    if page is None or (prefix := _prefix(page, stream)) is None:
                        return None
                    width, height = page.tilewidth, page.tilelength
                    across, down = -(-level.width // width), -(-level.height // height)
                    offsets, counts = page.dataoffsets, page.databytecounts
                    if len(offsets) != across * down or not all(counts):
                        return None
                    found.append(_JpegLevel(width, height, across, offsets, counts, prefix))
        except (tifffile.TiffFileError, ValueError, OSError):
            return None
        return cls(path, found)

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)

    def windows(
        self, level: int, corners: Sequence[tuple[int, int]], width: int, height: int
    ) -> Iterator[Pixels]:
        """Yield windows as ``Slide.windows`` does.

        Source tiles that several windows share are held from the first to the last use, so corners in row
        order keep at most about one row of source tiles; every buffer is used again, as fresh pages of
        memory cost more than the copying.
        """
        grid = self._levels[level]
        covers = [_cover(grid, x, y, width, height) for x, y in corners]
        uses = Counter(index for cover in covers for index in cover)
        shape = (grid.height, grid.width, 3)
        scratch, window = np.empty(shape, np.uint8), np.empty((height, width, 3), np.uint8)
        held: dict[int, Pixels] = {}
        spare: list[Pixels] = []
        for (x, y), cover in zip(corners, covers, strict=True):
            for index in cover:
                source = held.get(index)
                if source is None:
                    source = scratch
                    if uses[index] > 1:
                        source = held[index] = spare.pop() if spare else np.empty(shape, np.uint8)
                    self.decode(level, index, source)
                top, left = index // grid.across * grid.height - y, index % grid.across * grid.width - x
                part = source[max(0, -top) : height - top, max(0, -left) : width - left]
                top, left = max(0, top), max(0, left)
                window[top : top + part.shape[0], left : left + part.shape[1]] = part
                uses[index] -= 1
                if not uses[index] and source is not scratch:
                    spare.append(held.pop(index))
            yield window

    def decode(self, level: int, index: int, into: Pixels) -> None:
        """Decode source tile ``index`` of a level into ``into``, uint8 [tile height, tile width, 3]."""
        grid = self._levels[level]
        data = os.pread(self._file, grid.counts[index], grid.offsets[index])
        try:
            image = simplejpeg.decode_jpeg(grid.prefix + data[2:], buffer=into)
        except ValueError as error:
            raise _OddJpegError(f"source tile {index} of level {level}: {error}") from error
        if image.shape != into.shape:
            raise _OddJpegError(
                f"source tile {index} of level {level} has shape {image.shape}, not {into.shape}"
            )

    def sources(self, level: int, corners: Sequence[tuple[int, int]], width: int, height: int) -> set[int]:
        """Return the indices of the source tiles that windows touch."""
        grid = self._levels[level]
        return {index for x, y in corners for index in _cover(grid, x, y, width, height)}


def _fits(page: Any, level: Level) -> bool:
    return (
        page.is_tiled
        and (page.imagewidth, page.imagelength) == (level.width, level.height)
        and page.compression == JPEG_COMPRESSION
        and page.photometric in (PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR)
        and page.samplesperpixel == 3
        and page.bitspersample == 8
        and page.planarconfig == 1
    )


def _prefix(page: Any, stream: Any) -> bytes | None:
    """Return what must stand before a page's tiles to make JPEGs of them, None if that is not plain.

    A decoder that sees no marker of JFIF or Adobe takes three components for YCbCr. Tiles that carry such
    markers in an RGB page are left to OpenSlide: the marker and the TIFF's tag may disagree.
    """
    stream.seek(page.dataoffsets[0])
    data = stream.read(page.databytecounts[0])
    at, markers = 2, set()
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xDA:
        markers.add(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    rgb = page.photometric == PHOTOMETRIC_RGB
    if data[:2] != b"\xff\xd8" or 0xC0 not in markers or 0xEE in markers or (rgb and 0xE0 in markers):
        return None
    return b"\xff\xd8" + (ADOBE_RGB if rgb else b"") + (page.jpegtables or b"\xff\xd8\xff\xd9")[2:-2]


def _cover(grid: _JpegLevel, x: int, y: int, width: int, height: int) -> list[int]:
    """Return the indices of the source tiles that a window touches."""
    columns = range(x // grid.width, (x + width - 1) // grid.width + 1)
    rows = range(y // grid.height, (y + height - 1) // grid.height + 1)
    return [row * grid.across + column for row in rows for column in columns]
