"""Normal pictures with drawn damage, for projects without enough anomalous ones.

They choose among detectors and weigh their statistics, as real anomalous pictures would; what is normal, and
where the threshold lies, never depends on them. Pasting a piece of a picture elsewhere is CutPaste (Li and
others, 2021).
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def damage(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a copy of uint8 [H, W, 3] with a piece pasted elsewhere, a stain, a scratch, or a hole."""
    kinds = (_paste, _stain, _scratch, _hole)
    return kinds[int(rng.integers(len(kinds)))](picture.copy(), rng)


def _spot(picture: Pixels, rng: np.random.Generator) -> tuple[slice, slice]:
    """Choose a rectangle of 5 to 20 % of the sides in the middle nine tenths."""
    sides = [max(4, int(side * rng.uniform(0.05, 0.2))) for side in picture.shape[:2]]
    starts = [
        int(rng.integers(side // 20, max(side // 20 + 1, side - side // 20 - length)))
        for side, length in zip(picture.shape[:2], sides, strict=True)
    ]
    rows, columns = (slice(start, start + length) for start, length in zip(starts, sides, strict=True))
    return rows, columns


def _paste(picture: Pixels, rng: np.random.Generator) -> Pixels:
    rows, columns = _spot(picture, rng)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    top = int(rng.integers(0, picture.shape[0] - height))
    left = int(rng.integers(0, picture.shape[1] - width))
    picture[rows, columns] = picture[top : top + height, left : left + width].copy()
    return picture


def _stain(picture: Pixels, rng: np.random.Generator) -> Pixels:
    rows, columns = _spot(picture, rng)
    mask = np.zeros(picture.shape[:2], np.float32)
    centre = ((columns.start + columns.stop) // 2, (rows.start + rows.stop) // 2)
    axes = ((columns.stop - columns.start) // 2, (rows.stop - rows.start) // 2)
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    return _blend(picture, mask * rng.uniform(0.3, 0.9), rng)


def _scratch(picture: Pixels, rng: np.random.Generator) -> Pixels:
    rows, columns = _spot(picture, rng)
    mask = np.zeros(picture.shape[:2], np.float32)
    y = rng.integers(rows.start, rows.stop, 4)
    x = np.sort(rng.integers(columns.start, columns.stop, 4))
    line = np.stack([x, y], axis=1).astype(np.int32)
    cv2.polylines(mask, [line], isClosed=False, color=1.0, thickness=int(rng.integers(1, 4)))
    return _blend(picture, mask * rng.uniform(0.4, 0.9), rng)


def _hole(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Fill a rectangle with what surrounds it, as if a piece were missing."""
    rows, columns = _spot(picture, rng)
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[rows, columns] = 1
    return np.asarray(cv2.inpaint(picture, mask, 3, cv2.INPAINT_TELEA), np.uint8)


def _blend(picture: Pixels, mask: npt.NDArray[np.float32], rng: np.random.Generator) -> Pixels:
    soft = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None]
    colour = rng.uniform(0, 255, 3)
    return np.asarray((picture * (1 - soft) + colour * soft).round(), np.uint8)
