"""Painted whole-slide images: pyramids that OpenSlide opens as vendor ``aperio``.

The layout is the one Aperio scanners write (openslide.org/formats/aperio): a tiled main image whose
description names the scanner's library, a striped thumbnail, then the tiled lower levels. Tiles are JPEG
compressed here one by one, so a slide far larger than memory can be written from a painting function.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from brume import storage

Pixels = NDArray[np.uint8]
# Paints rows [top, bottom) of a slide: uint8 [bottom - top, width, 3].
Painter = Callable[[int, int], Pixels]

# Grey of clean glass under the scanner's lamp.
GLASS = 243


def write_slide(
    path: Path,
    pixels: Pixels | Painter,
    *,
    size: tuple[int, int] | None = None,
    mpp: float | None = 0.5,
    source_tile: int = 240,
    quality: int = 85,
    rgb: bool = False,
    levels: Sequence[int] = (4, 16),
) -> None:
    """Write a pyramidal slide; equal arguments give equal bytes.

    ``pixels`` is the level-0 image, uint8 [height, width, 3], or a painter of its rows, in which case
    ``size`` gives (width, height). ``mpp`` (and the objective) are left out of the description when None.
    ``levels`` are the downsamples of the lower levels, each a multiple of the one before. ``rgb`` stores
    the JPEG tiles in RGB as many scanners do, instead of YCbCr with halved chroma. Memory: one row of
    source tiles and the lower levels.
    """
    if callable(pixels):
        if size is None:
            raise ValueError("a slide painted by a function needs size=(width, height)")
        (width, height), paint = size, pixels
    else:
        height, width = pixels.shape[:2]
        paint = _rows_of(pixels)
    scales = [1, *levels]
    if any(below % above for above, below in zip(scales, levels, strict=False)):
        raise ValueError(f"each level must be a multiple of the one before it, not {tuple(levels)}")
    smaller = [np.empty((height // scale, width // scale, 3), np.uint8) for scale in levels]
    coding = f"({source_tile}x{source_tile}) JPEG/{'RGB' if rgb else 'YCC'} Q={quality}"
    title = f"Aperio Image Library v12.0.15 \r\n{width}x{height} [0,0 {width}x{height}]"
    facts = "" if mpp is None else f"|AppMag = {round(10 / mpp)}|MPP = {mpp:.4f}"

    with storage.replacing(path) as part, part.open("wb") as stream:
        tiff = _Tiff(stream)

        def add(bands: Iterable[Pixels], across: int, down: int, description: str) -> None:
            tiles = (_encode(tile, quality, rgb) for tile in _tiles(bands, across, source_tile))
            tiff.add(tiles, across, down, description, rgb, tile=source_tile)

        add(
            _bands(paint, height, source_tile, smaller[:1], scales),
            width,
            height,
            f"{title} {coding}{facts}",
        )
        for number, level in enumerate(smaller):
            # A level is complete once the one above it is written, so this order holds for all of them.
            if number + 1 < len(smaller):
                _shrink_into(smaller[number + 1], level, 0, levels[number + 1] // levels[number])
        small = Image.fromarray(smaller[-1] if smaller else paint(0, height))
        small.thumbnail((512, 512))
        jpeg = _encode(np.asarray(small), quality, rgb)
        tiff.add([jpeg], small.width, small.height, f"{title} -> {small.width}x{small.height} - ", rgb)
        for level in smaller:
            down, across = level.shape[:2]
            text = f"{title} {coding} -> {across}x{down} {coding}"
            add(_bands(_rows_of(level), down, source_tile), across, down, text)


def mosaic(tiles: Sequence[Path | Pixels], *, glass: int = 1) -> Pixels:
    """Lay tiles of one size in a near-square grid on white glass, as one slide's level 0.

    A grid of that tile size with its origin at 0, 0 finds each tile whole. ``glass`` is the width of the
    rim, in tiles; the grid's last row is filled up with glass. Returns uint8 [height, width, 3].
    """
    if not tiles:
        raise ValueError("a mosaic needs at least one tile")
    images = [np.asarray(Image.open(t).convert("RGB")) if isinstance(t, Path) else t for t in tiles]
    if len(shapes := {image.shape for image in images}) > 1:
        raise ValueError(f"the tiles of a mosaic must have one size, not {sorted(shapes)}")
    down, across = images[0].shape[:2]
    columns = int(np.ceil(np.sqrt(len(images))))
    rows = -(-len(images) // columns)
    slide = np.full(((rows + 2 * glass) * down, (columns + 2 * glass) * across, 3), GLASS, np.uint8)
    for number, image in enumerate(images):
        top, left = (number // columns + glass) * down, (number % columns + glass) * across
        slide[top : top + down, left : left + across] = image
    return slide


def _rows_of(image: Pixels) -> Painter:
    return lambda top, bottom: image[top:bottom]


def _bands(
    paint: Painter, height: int, rows: int, below: Sequence[Pixels] = (), scales: Sequence[int] = ()
) -> Iterator[Pixels]:
    """Paint a level band by band, ``rows`` high, shrinking into the level ``below`` along the way.

    The painter is asked for each row once, in bands that the shrinking can use whole.
    """
    ratio = scales[1] if below else 1
    step = rows * ratio // int(np.gcd(rows, ratio))
    for top in range(0, height, step):
        painted = paint(top, min(top + step, height))
        for level in below:
            _shrink_into(level, painted, top // ratio, ratio)
        for start in range(0, len(painted), rows):
            yield painted[start : start + rows]


def _shrink_into(level: Pixels, image: Pixels, top: int, ratio: int) -> None:
    """Write the mean of each ratio x ratio block of ``image`` into ``level`` from row ``top`` on."""
    down, across = min(len(image) // ratio, len(level) - top), level.shape[1]
    total = np.zeros((down, across, 3), np.uint16)
    for y in range(ratio):
        for x in range(ratio):
            total += image[y : down * ratio : ratio, x : across * ratio : ratio]
    level[top : top + down] = total // (ratio * ratio)


def _tiles(bands: Iterable[Pixels], width: int, side: int) -> Iterator[Pixels]:
    """Cut bands into tiles of side x side, the ones at the edges filled up by repeating the last pixel."""
    for band in bands:
        for left in range(0, width, side):
            tile = band[:, left : left + side]
            missing = ((0, side - tile.shape[0]), (0, side - tile.shape[1]), (0, 0))
            yield np.pad(tile, missing, mode="edge") if tile.shape[:2] != (side, side) else tile


def _encode(image: Pixels, quality: int, rgb: bool) -> bytes:
    if rgb:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=quality, keep_rgb=True, subsampling=0)
        return stream.getvalue()
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "RGB", "420"))


def _split_tables(jpeg: bytes) -> tuple[bytes, bytes]:
    """Split a JPEG into its tables and the abbreviated image, as TIFF keeps them (TIFF Technical Note 2).

    The application markers (JFIF, Adobe) go: as in scanners' files, the TIFF's own tags give the colours.
    """
    tables, frame, at = [b"\xff\xd8"], [b"\xff\xd8"], 2
    while (marker := jpeg[at + 1]) != 0xDA:  # start of scan: entropy-coded data from here on
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker in (0xDB, 0xC4):
            tables.append(jpeg[at:end])
        elif not 0xE0 <= marker <= 0xEF:
            frame.append(jpeg[at:end])
        at = end
    return b"".join(tables) + b"\xff\xd9", b"".join(frame) + jpeg[at:]


class _Tiff:
    """The part of TIFF 6.0 that a slide needs: directories of JPEG tiles, or one JPEG strip."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._stream.write(struct.pack("<2sHI", b"II", 42, 0))
        self._link = 4  # where the offset of the next directory goes

    def add(
        self, jpegs: Iterable[bytes], width: int, height: int, description: str, rgb: bool, tile: int = 0
    ) -> None:
        """Add an image of ``width`` x ``height`` from its tiles in row order, or from one strip."""
        stream, offsets, counts, tables = self._stream, [], [], b""
        for jpeg in jpegs:
            tables, image = _split_tables(jpeg)
            offsets.append(stream.tell())
            counts.append(stream.write(image))
        if stream.tell() > 2**32 - 2**20:
            raise ValueError("the slide is larger than the 4 GB that a classic TIFF can hold")
        text = description.encode("ascii") + b"\0"
        shape = {322: ("I", [tile]), 323: ("I", [tile]), 324: ("I", offsets), 325: ("I", counts)}
        if not tile:
            shape = {273: ("I", offsets), 278: ("I", [height]), 279: ("I", counts)}
        self._directory(
            {
                254: ("I", [0]),
                256: ("I", [width]),
                257: ("I", [height]),
                258: ("H", [8, 8, 8]),
                259: ("H", [7]),
                262: ("H", [2 if rgb else 6]),
                270: ("text", text),
                277: ("H", [3]),
                347: ("bytes", tables),
                530: ("H", [1, 1] if rgb else [2, 2]),
                **shape,
            }
        )

    def _directory(self, tags: dict[int, tuple[str, Sequence[int] | bytes]]) -> None:
        """Write the tags' long values, then the directory, and link it to the one before."""
        stream, entries = self._stream, []
        for tag, (kind, values) in sorted(tags.items()):
            code, form = {"H": (3, "H"), "I": (4, "I"), "text": (2, "B"), "bytes": (7, "B")}[kind]
            raw = struct.pack(f"<{len(values)}{form}", *values)
            if len(raw) > 4:
                stream.write(b"\0" * (stream.tell() % 2))
                field = struct.pack("<I", stream.tell())
                stream.write(raw)
            else:
                field = raw.ljust(4, b"\0")
            entries.append(struct.pack("<HHI", tag, code, len(values)) + field)
        stream.write(b"\0" * (stream.tell() % 2))
        start = stream.tell()
        stream.write(struct.pack("<H", len(entries)) + b"".join(entries))
        end = stream.tell()
        stream.write(struct.pack("<I", 0))
        stream.seek(self._link)
        stream.write(struct.pack("<I", start))
        stream.seek(0, os.SEEK_END)
        self._link = end
