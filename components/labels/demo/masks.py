"""Masks of road surfaces: small indexed PNGs."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

CLASSES = {"Road": "#8c564b", "Verge": "#2ca02c", "Sky": "#1f77b4"}  # 0 is the background
WIDTH, HEIGHT = 128, 72


def paint(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture of classes [height, width]: sky over verge over road, with wavy borders."""
    down, across = np.mgrid[:HEIGHT, :WIDTH]
    wave = 2 * np.sin(across / rng.uniform(8, 20) + rng.uniform(0, 6))
    sky, verge = rng.uniform(12, 20), rng.uniform(24, 32)
    picture = np.where(down < sky + wave, 3, np.where(down < verge + wave, 2, 1))
    return np.asarray(picture, np.uint8)


def png(classes: NDArray[np.uint8]) -> bytes:
    """Return a picture of classes as an indexed PNG, stored without compression: equal everywhere."""
    height, width = classes.shape
    colours = b"\xff\xff\xff" + b"".join(bytes.fromhex(colour[1:]) for colour in CLASSES.values())
    rows = b"".join(b"\0" + row.tobytes() for row in classes)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
