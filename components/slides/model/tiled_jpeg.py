"""Reading windows of a tiled JPEG TIFF, such as most SVS files, without OpenSlide.

Each source tile is decoded once by libjpeg-turbo, in the row order of the windows, into a buffer that the
processor's cache holds, and copied from there into each window that it overlaps.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import simplejpeg
import tifffile
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

JPEG_COMPRESSION = 7
PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR = 2, 6
END_OF_IMAGE = b"\xff\xd9"
# Adobe's marker with transform 0: the components are RGB. A TIFF has this in a tag, a JPEG needs the marker.
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its size in pixels, and level-0 pixels per pixel."""

    width: int
    height: int
    downsample: float


class UnsupportedJpegError(Exception):
    """A source tile that the fast path does not understand."""


@dataclass(frozen=True)
class _Grid:
    width: int  # of a source tile
    height: int
    across: int  # source tiles in a row
    offsets: Sequence[int]
    counts: Sequence[int]
    prefix: bytes  # what goes before a source tile's own bytes: start of image, colours, tables


class TiledJpegReader:
    """Reads windows of a TIFF whose levels are all JPEG tiles, each source tile decoded once."""

    def __init__(self, path: Path, levels: Sequence[_Grid]) -> None:
        self._levels = levels
        self._damaged: set[tuple[int, int]] = set()  # level and index of source tiles
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
                    found.append(_Grid(width, height, across, offsets, counts, prefix))
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
        shape = self.source_shape(level)
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
        """Decode source tile ``index`` of a level into ``into``, uint8 [tile height, tile width, 3].

        One that the decoder warns of is decoded as far as it goes, and known to `is_damaged` from then on.
        """
        grid = self._levels[level]
        data = os.pread(self._file, grid.counts[index], grid.offsets[index])
        jpeg = grid.prefix + data[2:]
        try:
            image, whole = _decode(jpeg, into)
        except ValueError as error:
            raise UnsupportedJpegError(f"source tile {index} of level {level}: {error}") from error
        if not whole:
            self._damaged.add((level, index))
        if image.shape != into.shape:
            raise UnsupportedJpegError(
                f"source tile {index} of level {level} has shape {image.shape}, not {into.shape}"
            )

    def is_damaged(self, level: int, x: int, y: int, width: int, height: int) -> bool:
        """Return whether a window that was read touches a source tile whose data is damaged."""
        return bool(self._damaged) and any(
            (level, index) in self._damaged for index in _cover(self._levels[level], x, y, width, height)
        )

    def source_shape(self, level: int) -> tuple[int, int, int]:
        """Return the shape of a level's source tiles: height, width, 3."""
        return self._levels[level].height, self._levels[level].width, 3

    def sources(self, level: int, corners: Sequence[tuple[int, int]], width: int, height: int) -> set[int]:
        """Return the indices of the source tiles that windows touch."""
        grid = self._levels[level]
        return {index for x, y in corners for index in _cover(grid, x, y, width, height)}


def _decode(jpeg: bytes, into: Pixels) -> tuple[Pixels, bool]:
    """Decode a JPEG into ``into``; return the image, and whether all of it was there.

    libjpeg warns of what it had to guess. That the end marker is missing, or zeros stand before it, as some
    scanners write, costs no pixel: so the data counts as whole where it is with an end marker of its own.
    Raises `ValueError` when there is nothing to decode.
    """
    for whole in (jpeg, jpeg + END_OF_IMAGE, jpeg.rstrip(b"\0") + END_OF_IMAGE):
        with suppress(ValueError):
            return simplejpeg.decode_jpeg(whole, buffer=into), True
    return simplejpeg.decode_jpeg(jpeg, buffer=into, strict=False), False


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


def _prefix(page: Any, stream: BinaryIO) -> bytes | None:
    """Return what must precede a page's tiles to make JPEGs of them, None if that is not certain.

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


def _cover(grid: _Grid, x: int, y: int, width: int, height: int) -> list[int]:
    """Return the indices of the source tiles that a window touches."""
    columns = range(x // grid.width, (x + width - 1) // grid.width + 1)
    rows = range(y // grid.height, (y + height - 1) // grid.height + 1)
    return [row * grid.across + column for row in rows for column in columns]
