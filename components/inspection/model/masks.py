"""Masks: pictures whose colours mark anomalies, read for training and drawn for responses."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

BACKGROUND = "background"
BACKGROUND_COLOR = "#FFFFFF"
_SUBSTITUTE = "#E6194B"  # for a class that would be drawn in the colour of the background

Classes = npt.NDArray[np.uint8]


class MaskError(ValueError):
    """A mask that cannot be used; the message gives the reason."""


def read(
    data: bytes, colors: Sequence[tuple[str, str]], names: Sequence[str], shape: tuple[int, int]
) -> Classes:
    """Decode a PNG mask to uint8 [H, W]: i for the colour of `names[i - 1]`, else 0.

    `colors` are pairs of name and `#RRGGBB`. A mask of other pixels than the picture's `shape` (height,
    width) is scaled without mixing colours.
    Raises `MaskError` for a file that is no picture, or that shows none of its colours.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            warnings.simplefilter("ignore")  # of palettes with transparency, which convert() handles
            if image.width * image.height > 4096 * 4096:
                raise MaskError(f"the mask has {image.width} x {image.height} pixels")
            pixels = np.asarray(image.convert("RGBA"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, MaskError):
            raise
        raise MaskError(f"the mask is no PNG file that can be read: {error}") from error
    classes: Classes = np.zeros(pixels.shape[:2], np.uint8)
    for name, color in colors:
        classes[(pixels[..., :3] == rgb(color)).all(axis=-1) & (pixels[..., 3] > 0)] = names.index(name) + 1
    if not classes.any():
        raise MaskError("no pixel of the mask has a colour of its internal-color-map")
    if classes.shape[:2] != shape:
        scaled = Image.fromarray(classes).resize((shape[1], shape[0]), Image.Resampling.NEAREST)
        classes = np.asarray(scaled)
    return classes


def rgb(color: str) -> tuple[int, int, int]:
    """Return the channels of `#RRGGBB`."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def drawn(color: str) -> str:
    """Return the colour in which a class is drawn: its own, unless that is the background's."""
    return _SUBSTITUTE if color.upper() == BACKGROUND_COLOR else color.upper()


def classify(maps: npt.NDArray[np.float32], threshold: float, height: int, width: int) -> Classes:
    """Return uint8 [height, width]: for each pixel 0, or i where channel i - 1 of the map is the highest.

    `maps` is float32 [h, w, K]; a pixel whose every channel is below `threshold` is background.
    """
    classes: Classes = np.zeros((height, width), np.uint8)
    # One channel at a time: a large picture with many classes would take a gigabyte at once.
    highest = np.full((height, width), np.nextafter(np.float32(threshold), np.float32(-1)), np.float32)
    for index in np.flatnonzero(maps.max(axis=(0, 1)) >= threshold):
        channel = np.asarray(
            Image.fromarray(maps[..., index]).resize((width, height), Image.Resampling.BILINEAR)
        )
        higher = channel > highest
        classes[higher] = index + 1
        highest = np.where(higher, channel, highest)
    return classes


def write(classes: Classes, colors: Sequence[str]) -> bytes:
    """Return a PNG with a palette: the background white, class i in `colors[i - 1]`."""
    image = Image.fromarray(classes, "P")
    image.putpalette([value for color in (BACKGROUND_COLOR, *colors) for value in rgb(color)])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def heatmap(maps: npt.NDArray[np.float32]) -> bytes:
    """Return a grey PNG [h, w] of the map's highest channel: 0 normal, 255 anomalous."""
    out = io.BytesIO()
    Image.fromarray((maps.max(axis=-1).clip(0, 1) * 255).round().astype(np.uint8)).save(out, "PNG")
    return out.getvalue()
