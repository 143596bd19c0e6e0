"""Pictures as they come in: PNG or JPEG bytes to pixels, within stated limits.

The engine, the training and a device must see the same pixels, so all of them decode in full (never a
JPEG's reduced draft), apply no EXIF rotation, and resize with the same filter.
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

MIN_SIDE, MAX_SIDE = 64, 4096  # pixels
MAX_BYTES = 8 * 1024 * 1024
_FORMATS = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG"}

Pixels = npt.NDArray[np.uint8]


class ImageError(ValueError):
    """A picture that cannot be used; the message gives the reason, for the sender."""


def decode(data: bytes) -> Pixels:
    """Decode a PNG or JPEG file to uint8 [H, W, 3] in RGB.

    Transparent pixels are blended with white, and samples of 16 bits are scaled to 8. Raises `ImageError` for
    another format, a damaged file, more than 8 MB, or a side outside 64 to 4096 pixels, which is found from
    the header, before anything is decoded.
    """
    if len(data) > MAX_BYTES:
        raise ImageError(f"the image has {len(data):,} bytes; at most {MAX_BYTES:,} (8 MB) are allowed")
    kind = next((name for magic, name in _FORMATS.items() if data.startswith(magic)), None)
    if kind is None:
        raise ImageError("the image is neither a PNG nor a JPEG file")
    with warnings.catch_warnings():
        # Sizes are checked here, and Pillow's warnings about odd metadata do not help the sender.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                _check_sides(*image.size)
                image.load()
                return _rgb(image)
        except UnidentifiedImageError as error:
            raise ImageError(f"the {kind} file is damaged: its header cannot be read") from error
        except ImageError:
            raise
        except (OSError, SyntaxError, ValueError, IndexError, Image.DecompressionBombError) as error:
            raise ImageError(f"the {kind} file is damaged or cut short: {error}") from error


def _check_sides(width: int, height: int) -> None:
    for name, side in (("width", width), ("height", height)):
        if not MIN_SIDE <= side <= MAX_SIDE:
            raise ImageError(
                f"the image is {width} x {height} pixels; its {name} must be from {MIN_SIDE} to {MAX_SIDE}"
            )


def _rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image).astype(np.float64)
        return np.repeat((grey / 257.0).round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def resize(image: Pixels, height: int, width: int) -> Pixels:
    """Resize uint8 [H, W, 3] with Pillow's bilinear filter, which averages when it shrinks."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
