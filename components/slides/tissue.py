"""Where on a slide there is tissue, and how much of a tile is background."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

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
    Blue, green and black pen marks are left out (red ones cannot be told from eosin and blood); specks go,
    small holes are closed, large ones kept.
    """
    smooth = ndimage.uniform_filter(thumbnail.astype(np.float32), size=(3, 3, 1))
    top, low = smooth.max(axis=2), smooth.min(axis=2)
    saturation = (top - low) / np.maximum(top, 1)
    ink = smooth[..., 1] - smooth[..., 0] > INK_RED_DEFICIT
    ink |= (top < BLACK_VALUE) & (saturation < BLACK_SATURATION)
    if ink.any():
        ink = ndimage.binary_dilation(ink, iterations=3)  # the rim of a stroke, mixed with glass, is ink too
    threshold = STAINED
    if method == "otsu" and not ink.all():
        threshold = float(np.clip(threshold_otsu(saturation[~ink]), *OTSU_RANGE))
    mask = (saturation > threshold) & ~ink
    mask = _without_small(mask, mask.size * SPECK_SHARE)
    return ~_without_small(~mask, mask.size * HOLE_SHARE)


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
