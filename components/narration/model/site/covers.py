"""Covers: a square picture with the title of an article, or one of the user's."""

from __future__ import annotations

import hashlib
import io
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

SIDE = 1400  # pixels: the least that podcast directories take
EMBEDDED_SIDE = 600  # in an audio file
_TONES = ((28, 61, 90), (70, 44, 92), (24, 84, 74), (112, 48, 54), (64, 72, 30), (88, 56, 24))


def made(title: str, name: str) -> Image.Image:
    """Return a cover with a title, in a colour that depends on it; `name` stands at the foot."""
    tone = _TONES[hashlib.sha256(title.encode()).digest()[0] % len(_TONES)]
    picture = Image.new("RGB", (SIDE, SIDE), tone)
    draw = ImageDraw.Draw(picture)
    size = 132 if len(title) <= 60 else 96
    lines = wrap(title, 18 if size == 132 else 26)[:8]
    draw.multiline_text(
        (110, 150), "\n".join(lines), (255, 255, 255), ImageFont.load_default(size), spacing=26
    )
    draw.rectangle((110, SIDE - 250, 290, SIDE - 238), (255, 255, 255))
    draw.text((110, SIDE - 200), name[:40], (255, 255, 255), ImageFont.load_default(56))
    return picture


def read(data: bytes) -> Image.Image:
    """Return a picture of the user's, cut to a square. Raises `ValueError` for no picture."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (2 * SIDE, 2 * SIDE))
            return ImageOps.fit(picture.convert("RGB"), (SIDE, SIDE))
    except UnidentifiedImageError:
        raise ValueError("it is no picture of a known format, such as JPEG or PNG") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"it is no picture that can be read: {error}") from None


def jpeg(picture: Image.Image, side: int) -> bytes:
    """Return a picture as JPEG of so many pixels on each side."""
    data = io.BytesIO()
    picture.resize((side, side), Image.Resampling.LANCZOS).save(data, "JPEG", quality=85)
    return data.getvalue()
