"""Renditions of pictures for the page: original, thumbnail, and heatmap overlay."""

from __future__ import annotations

import hashlib
import io
import re

import numpy as np
from PIL import Image

from brume.aws.engine.service import ServiceError
from brume.inspection.model import images
from brume.report.viridis import colours

LONGEST = 360  # pixels of a thumbnail's longer side
_HEAT = 480  # pixels of a heatmap's longer side
_OPACITY = 0.75
_FAINT, _STRONG = 0.25, 0.9  # of the map: nothing is drawn below the first, and all above the second is alike
JPEG, PNG = "image/jpeg", "image/png"


def identity(name: str) -> str:
    """Return the id of a picture by its name or address."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def content_type(data: bytes) -> str:
    """Return the type of a picture's bytes."""
    return PNG if data.startswith(b"\x89PNG") else JPEG


def file_name(prefix: str, name: str, data: bytes) -> str:
    """Return a name for a kept picture, of letters that every store takes, with an ending by its type."""
    stem = re.sub(r"[^A-Za-z0-9-]+", "-", name.rsplit("/", 1)[-1].rsplit(".", 1)[0]).strip("-")[:60]
    return f"{prefix}-{stem or 'picture'}{'.png' if content_type(data) == PNG else '.jpg'}"


def title(address: str) -> str:
    """Return a picture's name for people: the end of its address, as `file_name` was given it."""
    return re.sub(r"^(train|test|trial-[0-9a-f]{12})-[0-9a-f]{16}-", "", address.rsplit("/", 1)[-1])


def decode(data: bytes) -> images.Pixels:
    """Decode an uploaded picture. Raises ValidationException with the reason when it cannot be used."""
    try:
        return images.decode(data)
    except images.ImageError as error:
        raise ServiceError("ValidationException", f"Body: {error}") from error


def thumbnail(pixels: images.Pixels) -> bytes:
    """Return a small JPEG of a picture."""
    image = Image.fromarray(pixels)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _encode(image, "JPEG", quality=82)


def heatmap(kept: bytes, width: int, height: int) -> bytes:
    """Return a PNG to lay over a picture of `width` x `height`, transparent where nothing is anomalous.

    `kept` is an anomaly map as `masks.heatmap` writes it: a grey PNG, 255 for what is most anomalous.
    """
    strongest = Image.open(io.BytesIO(kept), formats=["PNG"]).convert("L")
    scale = _HEAT / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    heat = np.asarray(strongest.resize(size, Image.Resampling.BICUBIC)).astype(np.float32) / 255
    seen = ((heat - _FAINT) / (_STRONG - _FAINT)).clip(0, 1)
    rgba = np.dstack([colours(seen), (_OPACITY * np.sqrt(seen) * 255).round().astype(np.uint8)])
    return _encode(Image.fromarray(rgba, "RGBA"), "PNG")


def _encode(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
