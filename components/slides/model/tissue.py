"""Tissue masks of slides, and the share of a tile that is background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from brume.slides.model.ink import find_ink

TissueMethod = Literal["otsu", "saturation", "grey"]
InkRule = Literal["auto", "off"]

# A pixel at least this grey (0 to 255) is background by the rule of the original pipeline.
BACKGROUND_GREY = 220
# Saturation (0 to 1) above which a pixel is stained, by the fixed method.
STAINED = 0.08
# Otsu's threshold is kept between these: on bare glass it would part noise from noise, on a slide that is
# tissue from edge to edge it would part dark tissue from pale.
OTSU_RANGE = (0.05, 0.12)
# What is darker than glass by this much, and than the background above, is tissue whatever its saturation:
# pale counterstain, brown on blue, and any tissue of a grey-scale slide.
DARKER_THAN_GLASS = 16
# A picture in which hardly a pixel is more saturated than this is grey-scale: it has no ink of a colour.
GREY_SATURATION = 0.04
# A picture this dark (0 to 255) in most places, without any glass, is one of fluorescence.
DARK, CLEAR, CLEAR_SHARE = 50, 200, 0.01
# Parts smaller than these shares of the picture are specks of dust, or holes to close.
SPECK_SHARE, HOLE_SHARE = 1 / 15_000, 1 / 4_000


class DarkFieldError(ValueError):
    """A picture of fluorescence, where tissue is bright on black; the message gives the reason."""


@dataclass(frozen=True)
class Tissue:
    """Where a picture shows tissue, bool [h, w], and the share (0 to 1) of what is stained that is ink."""

    mask: NDArray[np.bool_]
    ink_share: float = 0.0


def find_tissue(
    thumbnail: NDArray[np.uint8],
    method: Literal["otsu", "saturation"] = "otsu",
    ink: InkRule = "auto",
) -> Tissue:
    """Find the tissue in a thumbnail, uint8 [h, w, 3]; there is none on bare glass.

    Tissue is what is saturated, above Otsu's threshold (IEEE Trans. SMC 9(1), 1979) or above a fixed one, or
    darker than glass. Strokes of a pen are left out unless ``ink`` is ``off`` (see `brume.slides.model.ink`);
    specks are removed, small holes are closed, large ones kept. Raises `DarkFieldError` for a picture of
    fluorescence.
    """
    blurred = Image.fromarray(thumbnail).filter(ImageFilter.BoxBlur(1))
    smooth, grey = np.asarray(blurred), np.asarray(blurred.convert("L"))
    red, green, blue = (smooth[..., channel] for channel in range(3))
    top, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    if (top < DARK).mean() > 0.5 and (low > CLEAR).mean() < CLEAR_SHARE:
        raise DarkFieldError(
            "its background is black, as in fluorescence: only brightfield slides can be cut"
        )
    saturation = ((top - low).astype(np.uint16) * 255 // np.maximum(top, 1)).astype(np.uint8)
    colourless = saturation <= GREY_SATURATION * 255
    dark = grey < min(BACKGROUND_GREY, _glass(grey[colourless]) - DARKER_THAN_GLASS)
    marks = np.zeros(grey.shape, np.bool_)
    if ink == "auto" and colourless.mean() < 0.999:
        marks = find_ink(smooth, saturation, ~dark & (saturation <= STAINED * 255))
    threshold = STAINED * 255
    if method == "otsu":
        low_end, high_end = OTSU_RANGE
        counts = np.bincount(saturation[~marks], minlength=256)
        threshold = float(np.clip(_otsu(counts), low_end * 255, high_end * 255))
    stained = (saturation > threshold) | dark
    share = int(np.count_nonzero(marks & stained)) / max(1, int(np.count_nonzero(stained)))
    mask = _without_small(stained & ~marks, stained.size * SPECK_SHARE)
    return Tissue(~_without_small(~mask, mask.size * HOLE_SHARE), share)


def _glass(grey: NDArray[np.uint8]) -> int:
    """Return the grey of glass, of which nearly all that is without colour is darker; 255 when nothing is."""
    counts = np.bincount(grey, minlength=256).cumsum()
    return int(np.searchsorted(counts, 0.95 * counts[-1])) if counts[-1] else 255


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
