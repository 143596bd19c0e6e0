"""TIFF pyramids that OpenSlide refuses, or whose lower levels it does not see, such as those of OME-TIFF.

The levels are found by tifffile. A source tile is decoded by libtiff, through Pillow: it is given a small
TIFF file of this tile alone, so that every compression and colour space of TIFF 6.0 comes out right.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from brume.run.rejects import unreachable
from brume.slides.model.source_tiles import Grid, Level, Pixels, SourceTiles, UnsupportedTileError
from brume.slides.model.tiled_jpeg import decode

GLASS = 255
# A source tile, or a strip across the whole image, may take this many pixels.
MAX_TILE_PIXELS = 80_000_000
# Tags that say how the bytes of a tile become pixels: bits, compression, colours, predictor, tables and more.
_CODING = (258, 259, 262, 277, 284, 317, 320, 338, 339, 347, 530, 532)
# A file with more images is not one of a slide.
_MOST_IMAGES = 100_000
_COMPRESSION, _JPEG_TABLES, _JPEG = 259, 347, struct.pack("<H", 7)
_NONE = (3, struct.pack("<H", 1))
_ORIENTATION, _UPRIGHT = 274, 1
_MICRONS = {"nm": 1e-3, "µm": 1.0, "\N{GREEK SMALL LETTER MU}m": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4}
# None, LZW, JPEG, deflate (two numbers), packbits, LZMA, Zstandard.
_COMPRESSIONS = frozenset([1, 5, 7, 8, 32946, 32773, 34925, 50000])
# Tags of a page by number: the type and the little-endian bytes of each.
Coding = dict[int, tuple[int, bytes]]


class UnsupportedTiffError(ValueError):
    """A TIFF file that holds no picture to be cut; the message is the reason."""


@dataclass(frozen=True)
class TiffLayout:
    """The levels of a TIFF file, largest first, and how their source tiles are found and decoded.

    ``kind`` is the name of the format. ``facts`` are its resolution, in OpenSlide's names of
    properties. ``problem`` is why its tiles cannot be decoded here, "" when they can.
    """

    kind: str
    levels: tuple[Level, ...]
    facts: dict[str, str]
    grids: tuple[Grid, ...] = ()
    codings: tuple[Coding, ...] = ()
    problem: str = ""


def read_layout(path: Path) -> TiffLayout | None:
    """Read how the levels of a TIFF file are kept; None when it is no TIFF file, or not a whole one.

    Raises `UnsupportedTiffError` for a picture of several channels or planes, or one that is not upright, and
    `OSError` when the file cannot be reached.
    """
    try:
        with tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            _check_axes(series)
            pages = [level.pages[0].aspage() for level in series.levels]
            _check_orientation(pages[0])
            levels = tuple(
                Level(page.imagewidth, page.imagelength, _downsample(pages[0], page)) for page in pages
            )
            kind = "ome-tiff" if tiff.is_ome else "qptiff" if tiff.is_qpi else "tiff"
            facts = _resolution(pages[0]) | (_ome_mpp(tiff.ome_metadata or "") if tiff.is_ome else {})
            try:
                _check_whole(tiff)
                grids, codings = tuple(map(_grid, pages)), tuple(map(_coding, pages))
            except struct.error:
                return TiffLayout(kind, levels, facts, problem="it was cut short")
            except UnsupportedTileError as error:
                return TiffLayout(kind, levels, facts, problem=str(error))
            return TiffLayout(kind, levels, facts, grids, codings)
    except UnsupportedTiffError:
        raise
    except OSError as error:
        if unreachable(error):
            raise
        return None
    except Exception:  # whatever a damaged file does to tifffile
        return None


def _check_whole(tiff: tifffile.TiffFile) -> None:
    """Refuse a file that was cut short: tifffile goes on with the images that are left.

    Each directory has the offset of the next at its end (TIFF 6.0, section 2).
    """
    file, form = tiff.filehandle, tiff.tiff
    file.seek(8 if tiff.is_bigtiff else 4)
    for _ in range(_MOST_IMAGES):
        (offset,) = struct.unpack(form.offsetformat, file.read(form.offsetsize))
        if not offset:
            return
        file.seek(offset)
        (count,) = struct.unpack(form.tagnoformat, file.read(form.tagnosize))
        file.seek(offset + form.tagnosize + count * form.tagsize)
    raise UnsupportedTileError("its directories have no end")


def _check_axes(series: Any) -> None:
    """Refuse channels and planes of one picture; pages that are only in one file (I, Q) are no matter."""
    planes = {
        axis: count
        for axis, count in zip(series.axes, series.shape, strict=True)
        if axis not in "YXSIQ" and count > 1
    }
    if "C" in planes:
        raise UnsupportedTiffError(f"{planes['C']} channels, as of fluorescence: only brightfield is read")
    if planes:
        raise UnsupportedTiffError(f"several planes (axes {series.axes}, {series.shape}): save one of them")


def _check_orientation(page: Any) -> None:
    tag = page.tags.get(_ORIENTATION)
    if tag is not None and tag.value != _UPRIGHT:
        raise UnsupportedTiffError(f"its orientation tag is {tag.value}: save it upright, with orientation 1")


def _resolution(page: Any) -> dict[str, str]:
    unit = {2: "inch", 3: "centimeter"}.get(int(page.resolutionunit or 0))
    if unit is None or "XResolution" not in page.tags:
        return {}
    x, y = page.resolution
    return {"tiff.ResolutionUnit": unit, "tiff.XResolution": str(x), "tiff.YResolution": str(y)}


def _downsample(first: Any, page: Any) -> float:
    return float((first.imagewidth / page.imagewidth + first.imagelength / page.imagelength) / 2)


def _ome_mpp(xml: str) -> dict[str, str]:
    """Return the physical size of a pixel in microns (OME-XML's Pixels element), x and y."""
    pixels = re.search(r"<(?:\w+:)?Pixels\s[^>]*>", xml)
    found = dict(re.findall(r'(PhysicalSize[XY](?:Unit)?)="([^"]*)"', pixels[0])) if pixels else {}
    facts = {}
    for axis in "XY":
        size, unit = found.get(f"PhysicalSize{axis}"), found.get(f"PhysicalSize{axis}Unit", "µm")
        try:
            facts[f"openslide.mpp-{axis.lower()}"] = str(float(size or "") * _MICRONS[unit])
        except (KeyError, ValueError):
            return {}
    return facts


class TiffPyramid(SourceTiles):
    """Reads windows of a TIFF file's levels, of tiles or strips of any compression that libtiff knows."""

    def __init__(self, path: Path, layout: TiffLayout) -> None:
        """Open the file, whose layout has no problem."""
        super().__init__(path, layout.grids)
        self._codings, self._levels = layout.codings, layout.levels

    def decode(self, level: int, index: int, into: Pixels) -> None:
        """Decode source tile ``index`` of a level into ``into``, uint8 [tile height, tile width, 3].

        libtiff is silent on JPEG data that it had to guess, so libjpeg is asked as well.
        """
        grid = self.grids[level]
        if not grid.counts[index]:  # where the scanner took no picture
            into[:] = GLASS
            return
        high = min(grid.height, self._levels[level].height - index // grid.across * grid.height)
        strip = grid.across == 1 and grid.width == self._levels[level].width
        height = high if strip else grid.height
        data, coding = self.read(level, index), self._codings[level]
        tiff = _one_tile(data, grid.width, height, coding)
        try:
            image = Image.open(io.BytesIO(tiff))
            if image.mode.startswith("I;16"):
                into[:height] = (np.asarray(image) >> 8).astype(np.uint8)[..., None]
            else:
                into[:height] = np.asarray(image.convert("RGB"))
            if coding.get(_COMPRESSION, _NONE)[1] == _JPEG and not _is_whole(data, coding):
                self._damaged.add((level, index))
        except (OSError, ValueError, SyntaxError) as error:
            raise UnsupportedTileError(f"source tile {index} of level {level}: {error}") from error


def _is_whole(data: bytes, coding: Coding) -> bool:
    """Return whether all of a JPEG tile is there. Raises `ValueError` when nothing of it can be decoded."""
    _, tables = coding.get(_JPEG_TABLES, (7, b""))
    return decode(data[:2] + tables[2:-2] + data[2:])[1]


def _grid(page: Any) -> Grid:
    width = page.tilewidth if page.is_tiled else page.imagewidth
    height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    across, down = -(-page.imagewidth // width), -(-page.imagelength // height)
    parts = across * down * (page.samplesperpixel if page.planarconfig == 2 else 1)
    if not len(page.dataoffsets) == len(page.databytecounts) == parts:
        raise UnsupportedTiffError(
            f"damaged: {len(page.dataoffsets)} of the {parts} parts of a level are there"
        )
    ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
    if max(ends, default=0) > page.parent.filehandle.size:
        raise UnsupportedTileError("it was cut short")
    if width * height > MAX_TILE_PIXELS:
        raise UnsupportedTileError(
            f"a level is kept in parts of {width} x {height} pixels, too large to read: save it in tiles"
        )
    return Grid(width, height, across, page.dataoffsets, page.databytecounts)


def _coding(page: Any) -> Coding:
    """Return the tags of a page that its tiles are decoded by: type and little-endian bytes of each."""
    if page.planarconfig != 1:
        raise UnsupportedTileError("its colours are kept apart (planar configuration 2)")
    if int(page.compression) not in _COMPRESSIONS:
        raise UnsupportedTileError(f"its compression {page.compression.name} is not read")
    bits = page.bitspersample
    deep = bits == 16 and page.samplesperpixel == 1 and page.parent.byteorder == "<"
    if (bits not in (1, 8) and not deep) or page.sampleformat > 1:
        raise UnsupportedTileError(f"{bits} bits a sample of format {page.sampleformat} are not read")
    found = {}
    for code in _CODING:
        tag = page.tags.get(code)
        if tag is None:
            continue
        kind = int(tag.dtype)
        form = {1: "B", 3: "H", 4: "I", 5: "I", 7: "B"}[kind]
        values = tag.value
        if isinstance(values, bytes):
            raw = values
        else:
            flat = np.asarray(values).ravel().tolist()
            raw = struct.pack(f"<{len(flat)}{form}", *(int(value) for value in flat))
        found[code] = (kind, raw)
    return found


def _one_tile(data: bytes, width: int, height: int, coding: Coding) -> bytes:
    """Return a TIFF file of one strip: a tile's bytes, and the tags they are decoded by."""
    sizes = {1: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    numbers = {256: width, 257: height, 278: height, 279: len(data)}
    tags = coding | {code: (4, struct.pack("<I", number)) for code, number in numbers.items()}
    start = 8 + 2 + 12 * (len(tags) + 1) + 4
    long = sum(len(raw) + len(raw) % 2 for _, raw in tags.values() if len(raw) > 4)
    tags[273] = (4, struct.pack("<I", start + long))
    entries, values = b"", b""
    for code, (kind, raw) in sorted(tags.items()):
        field = raw.ljust(4, b"\0")
        if len(raw) > 4:
            field = struct.pack("<I", start + len(values))
            values += raw + b"\0" * (len(raw) % 2)
        entries += struct.pack("<HHI", code, kind, len(raw) // sizes[kind]) + field
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    return head + entries + bytes(4) + values + data
