"""Reading windows of a tiled JPEG TIFF, such as most SVS files, by libjpeg-turbo without OpenSlide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import simplejpeg
import tifffile

from brume.slides.model.source_tiles import Grid, Level, Pixels, SourceTiles, UnsupportedTileError

JPEG_COMPRESSION = 7
PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR = 2, 6
END_OF_IMAGE = b"\xff\xd9"
# Adobe's marker with transform 0: the components are RGB. A TIFF has this in a tag, a JPEG needs the marker.
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"


class TiledJpegReader(SourceTiles):
    """Reads windows of a TIFF whose levels are all JPEG tiles."""

    def __init__(self, path: Path, grids: Sequence[Grid], prefixes: Sequence[bytes]) -> None:
        """``prefixes``: what goes before a level's source tiles: start of image, colours, tables."""
        super().__init__(path, grids)
        self._prefixes = prefixes

    @classmethod
    def open(cls, path: Path, levels: Sequence[Level]) -> TiledJpegReader | None:
        """Open a file for the fast path, or return None where anything about it is out of the ordinary."""
        try:
            with tifffile.TiffFile(path) as tiff, path.open("rb") as stream:
                grids, prefixes = [], []
                for level in levels:
                    page = next((page for page in pages(tiff) if _fits(page, level)), None)
                    if page is None or (prefix := _prefix(page, stream)) is None:
                        return None
                    width, height = page.tilewidth, page.tilelength
                    across, down = -(-level.width // width), -(-level.height // height)
                    offsets, counts = page.dataoffsets, page.databytecounts
                    if len(offsets) != across * down or not all(counts):
                        return None
                    grids.append(Grid(width, height, across, offsets, counts))
                    prefixes.append(prefix)
        except (tifffile.TiffFileError, ValueError, OSError):
            return None
        return cls(path, grids, prefixes)

    def decode(self, level: int, index: int, into: Pixels) -> None:
        """Decode source tile ``index`` of a level into ``into``, uint8 [tile height, tile width, 3].

        One that the decoder warns of is decoded as far as it goes, and known to `is_damaged` from then on.
        """
        jpeg = self._prefixes[level] + self.read(level, index)[2:]
        try:
            image, whole = decode(jpeg, into)
        except ValueError as error:
            raise UnsupportedTileError(f"source tile {index} of level {level}: {error}") from error
        if not whole:
            self._damaged.add((level, index))
        if image.shape != into.shape:
            raise UnsupportedTileError(
                f"source tile {index} of level {level} has shape {image.shape}, not {into.shape}"
            )


def decode(jpeg: bytes, into: Pixels | None = None) -> tuple[Pixels, bool]:
    """Decode a JPEG, into ``into`` if given; return the image, and whether all of it was there.

    libjpeg warns of what it had to guess. That the end marker is missing, or zeros stand before it, as some
    scanners write, costs no pixel: so the data counts as whole where it is with an end marker of its own.
    Raises `ValueError` when there is nothing to decode.
    """
    for whole in (jpeg, jpeg + END_OF_IMAGE, jpeg.rstrip(b"\0") + END_OF_IMAGE):
        with suppress(ValueError):
            return simplejpeg.decode_jpeg(whole, buffer=into), True
    return simplejpeg.decode_jpeg(jpeg, buffer=into, strict=False), False


def pages(tiff: tifffile.TiffFile) -> Iterator[Any]:
    """Yield the images of a TIFF file, each before those that are kept below it (OME's lower levels)."""
    for page in tiff.pages:
        yield page
        yield from page.pages or ()


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
