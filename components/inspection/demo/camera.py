"""Camera and visibility: which face of which part each pixel sees, and where on it.

Faces are painted from far to near into a buffer of face numbers with twice the picture's resolution. A pixel
whose four samples see one face is shaded once; the others, at edges, once per sample: antialiasing at the
price of little more than one sample a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from brume.inspection.demo.bricks import Floats, Mesh

_FIXED = 4  # fractional bits of corners in drawing calls


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; ``turn`` [3, 3] has the camera's right, down and forward axes as rows.

    ``focal`` is in pixels, ``centre`` the picture's principal point in pixels.
    """

    eye: Floats
    turn: Floats
    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]  # height, width

    @classmethod
    def draw(cls, rng: np.random.Generator, size: tuple[int, int], jitter: float = 1.0) -> Camera:
        """Return the line's camera with this picture's jitter in position, tilt and zoom."""
        height, width = size
        azimuth = np.deg2rad(30 + jitter * rng.uniform(-4, 4))
        elevation = np.deg2rad(38 + jitter * rng.uniform(-2.5, 2.5))
        roll = np.deg2rad(jitter * rng.uniform(-2, 2))
        target = np.array([8.0, 5.2, 2.0]) + jitter * rng.uniform(-0.5, 0.5, 3) * (1, 1, 0.6)
        distance = 42.0
        away = np.array(
            [np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)]
        )
        forward = -away
        right = np.cross(forward, (0, 0, 1))
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        right, down = (
            np.cos(roll) * right + np.sin(roll) * down,
            np.cos(roll) * down - np.sin(roll) * right,
        )
        focal = min(size) * distance / 21.5 * (1 + jitter * rng.uniform(-0.04, 0.04))
        turn = np.stack([right, down, forward]).astype(np.float32)
        eye = (target + away * distance).astype(np.float32)
        return cls(eye, turn, float(focal), (width / 2, height / 2), size)

    def project(self, points: Floats) -> Floats:
        """Return the pixel coordinates [P, 2] of points [P, 3]."""
        seen = (points - self.eye) @ self.turn.T
        return np.asarray(seen[:, :2] / seen[:, 2:] * self.focal + self.centre, np.float32)

    def rays(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the directions (three arrays, forward part 1) through pixel coordinates."""
        u = (x - np.float32(self.centre[0])) / np.float32(self.focal)
        v = (y - np.float32(self.centre[1])) / np.float32(self.focal)
        a, b, c = self.turn
        return a[0] * u + b[0] * v + c[0], a[1] * u + b[1] * v + c[1], a[2] * u + b[2] * v + c[2]


@dataclass(frozen=True)
class Samples:
    """The points to shade: the ``face`` [N] of each, and its ``x``, ``y`` [N] in pixels.

    First comes one sample of each pixel, row by row, then three more of each pixel in ``split`` [S].
    """

    face: NDArray[np.intp]
    x: Floats
    y: Floats
    split: NDArray[np.intp]
    size: tuple[int, int]

    def resolve(self, values: Floats) -> Floats:
        """Return the picture [H, W, C] of the samples' values [N, C]."""
        height, width = self.size
        count = height * width
        picture = values[:count].copy()
        picture[self.split] += values[count:].reshape(len(self.split), 3, -1).sum(axis=1)
        picture[self.split] *= np.float32(0.25)
        return picture.reshape(height, width, -1)


def faces_seen(mesh: Mesh, camera: Camera) -> NDArray[np.uint16]:
    """Return the face [2 H, 2 W] that each of a pixel's four samples sees."""
    height, width = camera.size
    buffer = np.zeros((2 * height, 2 * width), np.uint16)
    # Pixel centres lie at half integers here, and at integers for the drawing calls.
    at = np.rint((camera.project(mesh.points) * 2 - 0.5) * (1 << _FIXED)).astype(np.int32)
    flat = np.any(mesh.planes[:, :3] != 0, axis=1).tolist()
    towards = np.greater(mesh.planes[:, :3] @ camera.eye, mesh.planes[:, 3]).tolist()
    start = 0
    for face, end in enumerate(mesh.ends.tolist()):
        corners, start = at[start:end], end
        if not len(corners) or (flat[face] and not towards[face]):
            continue
        outline = corners if flat[face] else cv2.convexHull(corners)
        cv2.fillConvexPoly(buffer, outline, face, lineType=cv2.LINE_8, shift=_FIXED)
    return buffer


def samples_of(seen: NDArray[np.uint16]) -> Samples:
    """Return the samples that a buffer of faces [2 H, 2 W] needs."""
    quads = [np.ascontiguousarray(seen[y::2, x::2]) for y in (0, 1) for x in (0, 1)]
    mixed = (quads[0] != quads[1]) | (quads[0] != quads[2]) | (quads[0] != quads[3])
    height, width = mixed.shape
    split = np.flatnonzero(mixed)
    x, y = (axis.copy() for axis in _centres(height, width))
    faces = np.stack([quad.ravel()[split] for quad in quads[1:]], axis=1)
    quarter = np.float32(0.25)
    more_x = x[split, None] + np.array((quarter, -quarter, quarter), np.float32)
    more_y = y[split, None] + np.array((-quarter, quarter, quarter), np.float32)
    x[split] -= quarter
    y[split] -= quarter
    return Samples(
        np.concatenate([quads[0].ravel(), faces.ravel()]).astype(np.intp),
        np.concatenate([x, more_x.ravel()]),
        np.concatenate([y, more_y.ravel()]),
        split,
        (height, width),
    )


@lru_cache(maxsize=1)
def _centres(height: int, width: int) -> tuple[Floats, Floats]:
    """Return the coordinates of all pixels' centres, row by row."""
    y, x = np.indices((height, width), np.float32) + np.float32(0.5)
    return x.ravel(), y.ravel()
