"""Materials: the bricks' colours, and the tables under the toy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from brume.inspection.demo.bricks import Floats

# sRGB colours of the bricks.
COLOURS = {
    "green": (52, 140, 66),
    "dark green": (24, 84, 44),
    "yellow": (240, 194, 40),
    "red": (190, 28, 30),
    "brick red": (140, 24, 28),
    "orange": (236, 122, 28),
    "blue": (24, 88, 170),
    "sky blue": (104, 174, 222),
    "brown": (96, 56, 32),
    "tan": (214, 190, 140),
    "white": (236, 236, 230),
    "grey": (150, 154, 156),
    "dark grey": (84, 88, 92),
    "black": (28, 28, 30),
    "lime": (160, 198, 50),
    "pink": (226, 130, 170),
    "purple": (96, 58, 140),
    "glass": (50, 88, 110),
}
TABLES = ("laminate", "wood", "mat", "steel", "paper")
# Side of a table's picture in pixels, and how many studs one pixel stands for.
TEXTURE, TEXEL = 512, 0.11


def linear(srgb: Floats) -> Floats:
    """Return linear values (0 to 1) of sRGB ones (0 to 255), by a power law."""
    return np.asarray((srgb / np.float32(255)) ** np.float32(2.2), np.float32)


def brick_colour(name: str) -> Floats:
    """Return a brick colour's linear RGB."""
    return linear(np.array(COLOURS[name], np.float32))


def _cloud(rng: np.random.Generator, cells: tuple[int, int]) -> Floats:
    """Return smooth noise [TEXTURE, TEXTURE], about -1 to 1, with this many features down and across."""
    coarse = rng.standard_normal(cells, np.float32) * np.float32(0.6)
    return np.asarray(cv2.resize(coarse, (TEXTURE, TEXTURE), interpolation=cv2.INTER_CUBIC), np.float32)


@dataclass(frozen=True)
class Table:
    """A table top: its picture, sRGB uint8 [TEXTURE, TEXTURE, 3], and its shine (0 to 1).

    ``place`` [2, 3] takes a point (x, y, 1) on it to the picture's pixels.
    """

    picture: NDArray[np.uint8]
    shine: float
    place: Floats


def table(rng: np.random.Generator) -> Table:
    """Return one of the tables, turned somehow."""
    name = TABLES[int(rng.choice(len(TABLES), p=(0.34, 0.26, 0.16, 0.12, 0.12)))]
    tone = np.float32(rng.uniform(-1, 1))
    fine, broad = _cloud(rng, (256, 256)), _cloud(rng, (6, 6))
    if name == "laminate":
        base = np.array((196, 194, 188), np.float32) + tone * np.array((14, 14, 16), np.float32)
        value, shine = 2.5 * fine + 5 * broad, 0.35
    elif name == "wood":
        base = np.array((170, 126, 84), np.float32) + tone * np.array((26, 24, 20), np.float32)
        rings = np.sin(_cloud(rng, (9, 3)) * 9 + _cloud(rng, (60, 4)) * 2)
        value, shine = 7 * rings + 6 * _cloud(rng, (256, 8)) + 2 * fine + 6 * broad, 0.3
    elif name == "mat":
        base = np.array((58, 84, 92), np.float32) + tone * np.array((14, 12, 10), np.float32)
        value, shine = 2.5 * fine + 3 * broad, 0.1
        at = np.arange(TEXTURE) % 40 < 1
        value = value + np.float32(16) * (at[:, None] | at)
    elif name == "steel":
        base = np.array((150, 153, 158), np.float32) + tone * 12
        value, shine = 5 * _cloud(rng, (4, 320)) + 2 * _cloud(rng, (32, 512)) + 4 * broad, 0.8
    else:
        base = np.array((206, 196, 178), np.float32) + tone * np.array((16, 18, 24), np.float32)
        value, shine = 3.5 * fine + 3 * _cloud(rng, (128, 128)) + 3 * broad, 0.05
    turn = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(turn) / TEXEL, np.sin(turn) / TEXEL
    shift = rng.uniform(0.3, 0.7, 2) * TEXTURE
    place = np.array([[c, -s, shift[0] - 8 * c + 5 * s], [s, c, shift[1] - 8 * s - 5 * c]], np.float32)
    channels = [cv2.convertScaleAbs(np.maximum(value + np.float32(part), 0)) for part in base]
    return Table(cv2.merge(channels), shine, place)
