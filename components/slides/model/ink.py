"""Strokes of a pen on a slide: thin, long, of a strong colour or black, and mostly on glass.

Haematoxylin as a counterstain, Masson's and Alcian blue and the green of Papanicolaou have the colours of
pens. What has such a colour is ink only where its shape and its surroundings are a stroke's, else tissue.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Ink of a colour is at least this saturated (0 to 1); haematoxylin that only counterstains is less.
INK_SATURATION, RED_SATURATION = 0.4, 0.65
# Haematoxylin and eosin absorb green most; blue and green inks leave red the least by this much (0 to 255).
INK_RED_DEFICIT = 12
# Red ink leaves green and blue alike (within this, 0 to 255); eosin leaves more blue.
RED_BALANCE = 40
# Black ink: darker than any stain at the resolution of a thumbnail, and without colour.
BLACK_VALUE, BLACK_SATURATION = 90, 0.35
# A stroke is at most this wide, as a share of the picture's longer side, and this many times as long.
STROKE_WIDTH, STROKE_LENGTH = 0.06, 4.0
# This share (0 to 1) of what lies around ink is glass.
GLASS_AROUND = 0.6
# Parts smaller than this share of the picture are no strokes.
SPECK_SHARE = 1 / 20_000
RIM = 3  # pixels around a stroke where ink and glass are mixed
RING = 4  # pixels beyond the rim that are looked at


def find_ink(
    picture: NDArray[np.uint8], saturation: NDArray[np.uint8], glass: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return where a picture, uint8 [h, w, 3], shows ink: bool [h, w].

    ``saturation``, uint8 [h, w], is that of its pixels; ``glass``, bool [h, w], is where nothing is stained.
    """
    red, green, blue = (picture[..., channel] for channel in range(3))
    strong = saturation >= INK_SATURATION * 255
    cold = strong & (green > np.minimum(red, 255 - INK_RED_DEFICIT) + INK_RED_DEFICIT)
    balanced = np.maximum(green, blue) - np.minimum(green, blue) < RED_BALANCE
    warm = (saturation >= RED_SATURATION * 255) & (red > blue) & balanced
    black = (np.maximum(np.maximum(red, green), blue) < BLACK_VALUE) & (saturation < BLACK_SATURATION * 255)
    ink = np.zeros(glass.shape, np.bool_)
    for colour in (cold, warm):
        _add_strokes(ink, colour, glass, blots=False)
    _add_strokes(ink, black, glass, blots=True)
    # The rim of a stroke is ink too.
    return ndimage.binary_dilation(ink, iterations=RIM) if ink.any() else ink


def _add_strokes(
    ink: NDArray[np.bool_], colour: NDArray[np.bool_], glass: NDArray[np.bool_], blots: bool
) -> None:
    """Mark in ``ink`` the connected parts of ``colour`` that are strokes on glass, or ``blots`` too."""
    if not colour.any():
        return
    parts, _ = ndimage.label(colour, np.ones((3, 3)))
    areas = np.bincount(parts.ravel())
    widest = STROKE_WIDTH * max(colour.shape)
    margin = RIM + RING
    for number, box in enumerate(ndimage.find_objects(parts), start=1):
        if areas[number] < colour.size * SPECK_SHARE:
            continue
        wide = tuple(
            slice(max(0, side.start - margin), min(length, side.stop + margin))
            for side, length in zip(box, colour.shape, strict=True)
        )
        part = np.pad(parts[wide] == number, 1)
        # A strip's pixels are a quarter of its width from its edge, in the mean.
        width = 4 * float(ndimage.distance_transform_edt(part)[part].mean())
        if not blots and (width > widest or areas[number] < STROKE_LENGTH * width**2):
            continue
        away = ndimage.distance_transform_edt(~part)[1:-1, 1:-1]
        around = glass[wide][(away > RIM) & (away <= margin)]
        if around.size and around.mean() >= GLASS_AROUND:
            ink[wide] |= part[1:-1, 1:-1]
