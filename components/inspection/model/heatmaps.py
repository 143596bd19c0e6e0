"""Heatmaps: a model's anomaly map in colour over the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brume.report.viridis import colours

_OPACITY = 0.85
_LIGHT, _COLOUR = 0.8, 0.4  # how much of the picture's own light and colour is left


def overlay(picture: NDArray[np.uint8], anomaly_map: NDArray[np.float32], longest: int = 640) -> Image.Image:
    """Draw an anomaly map [h, w, K] in 0..1 over a picture uint8 [H, W, 3]; the strongest channel shows.

    The picture is made smaller than `longest` pixels a side, darker and paler than it is, so that the colours
    of what is anomalous stand out from white parts and coloured ones.
    """
    base = Image.fromarray(picture)
    base.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    strongest = np.clip(anomaly_map.max(axis=2), 0, 1).astype(np.float32)
    heat = np.asarray(Image.fromarray(strongest).resize(base.size, Image.Resampling.BILINEAR))
    opacity = (_OPACITY * heat)[..., None]
    pixels = np.asarray(base, dtype=np.float32)
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    muted = _LIGHT * (_COLOUR * pixels + (1 - _COLOUR) * grey[..., None])
    blended = muted * (1 - opacity) + colours(heat) * opacity
    return Image.fromarray(blended.round().astype(np.uint8))
