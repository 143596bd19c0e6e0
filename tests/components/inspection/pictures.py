"""Small synthetic pictures for the tests of detection: a part on a table, sound or damaged."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

SIDE = 96


def part(seed: int, *, damaged: bool = False, displaced: bool = False, shift: int = 0) -> np.ndarray:
    """Draw a plate with three holes, uint8 [SIDE, SIDE, 3]; stained red or with a hole displaced."""
    rng = np.random.default_rng(seed)
    picture = np.full((SIDE, SIDE, 3), 200, np.float32)
    dx, dy = rng.integers(-shift, shift + 1, 2) if shift else (0, 0)
    cv2.rectangle(picture, (20 + dx, 25 + dy), (75 + dx, 70 + dy), (90, 110, 160), -1)
    for x in (32, 53 if displaced else 48, 64):
        cv2.circle(picture, (x + dx, 47 + dy), 5, (30, 30, 30), -1)
    if damaged:
        x, y = (int(v) for v in rng.integers(30, 62, 2))
        cv2.circle(picture, (x + dx, y + dy), 7, (200, 60, 40), -1)
    picture = picture * rng.uniform(0.9, 1.1) + rng.normal(0, 3, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def encoded(picture: np.ndarray, kind: str = "PNG") -> bytes:
    """Return the file of a picture."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind)
    return stream.getvalue()
