"""Tissue masks of slides, and the share of a tile that is background."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

TissueMethod = Literal["otsu", "saturation", "grey"]

# A pixel at least this grey (0 to 255) is background by the rule of the original pipeline.
BACKGROUND_GREY = 220
# Saturation (0 to 1) above which a pixel is stained, by the fixed method.
STAINED = 0.08
# Otsu's threshold is kept between these: on bare glass it would part noise from noise, on a slide that is
# tissue from edge to edge it would part dark tissue from pale.
OTSU_RANGE = (0.05, 0.12)
# Haematoxylin and eosin absorb green most; where red is the least by this much (0 to 255), it is ink.
INK_RED_DEFICIT = 12
# Black ink: darker than any stain at this resolution, and without colour.
BLACK_VALUE, BLACK_SATURATION = 90, 0.35
# Parts smaller than these shares of the picture are specks of dust, or holes to close.
SPECK_SHARE, HOLE_SHARE = 1 / 20_000, 1 / 4_000


def tissue_mask(
    thumbnail: NDArray[np.uint8], method: Literal["otsu", "saturation"] = "otsu"
) -> NDArray[np.bool_]:
    """Return where a thumbnail, uint8 [h, w, 3], shows tissue: bool [h, w], all False on bare glass.

    Tissue is what is saturated: above Otsu's threshold (IEEE Trans. SMC 9(1), 1979) or above a fixed one.
    Blue, green and black pen marks are left out (red ones look like eosin and blood); specks are removed,
    small holes are closed, large ones kept.
    """
    smooth = np.asarray(Image.fromarray(thumbnail).filter(ImageFilter.BoxBlur(1)))
    red, green, blue = (smooth[..., channel] for channel in range(3))
    top, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    saturation = ((top - low).astype(np.uint16) * 255 // np.maximum(top, 1)).astype(np.uint8)
    ink = green > np.minimum(red, 255 - INK_RED_DEFICIT) + INK_RED_DEFICIT
    ink |= (top < BLACK_VALUE) & (saturation < BLACK_SATURATION * 255)
    if ink.any():
        ink = ndimage.binary_dilation(ink, iterations=3)  # the rim of a stroke, mixed with glass, is ink too
    threshold = STAINED * 255
    if method == "otsu":
        low_end, high_end = OTSU_RANGE
        counts = np.bincount(saturation[~ink], minlength=256)
        threshold = float(np.clip(_otsu(counts), low_end * 255, high_end * 255))
    mask = (saturation > threshold) & ~ink
    mask = _without_small(mask, mask.size * SPECK_SHARE)
    return ~_without_small(~mask, mask.size * HOLE_SHARE)


def _otsu(counts: NDArray[np.int64]) -> float:
    """Return the value that parts a histogram in two with the greatest variance between them."""
    values = np.arange(len(counts))
    below, above = counts.cumsum(), counts[::-1].cumsum()[::-1]
    sums = (counts * values).cumsum()
    mean_below = sums / np.maximum(below, 1)
    mean_above = (sums[-1] - sums) / np.maximum(above - counts, 1)
    between = below * (above - counts) * (mean_below - mean_above) ** 2.0
    return float(np.argmax(between))


def close_gaps(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """Return the mask with gaps of up to twice ``radius`` pixels between tissue closed.

    Lung, fat and glands are thin walls around air: what is between two of them is tissue too. A
    morphological closing with a square; nothing is added towards the picture's edge.
    """
    if radius < 1:
        return mask
    size = 2 * radius + 1
    padded = np.pad(mask, radius).astype(np.uint8)
    for axis in (0, 1):
        padded = ndimage.maximum_filter1d(padded, size, axis=axis, mode="constant")
    for axis in (0, 1):
        padded = ndimage.minimum_filter1d(padded, size, axis=axis, mode="constant")
    closed: NDArray[np.bool_] = padded[radius:-radius, radius:-radius] > 0
    return closed


def background_share(tile: NDArray[np.uint8]) -> float:
    """Return the share, 0 to 1, of a tile's pixels, uint8 [h, w, 3], whose grey is 220 or more."""
    grey = np.asarray(Image.fromarray(tile).convert("L"))
    return int(np.count_nonzero(grey >= BACKGROUND_GREY)) / grey.size


def _without_small(mask: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    """Return the mask without its connected parts of fewer than ``area`` pixels."""
    parts, _ = ndimage.label(mask)
    large = np.bincount(parts.ravel()) >= area
    large[0] = False
    kept: NDArray[np.bool_] = large[parts]
    return kept
