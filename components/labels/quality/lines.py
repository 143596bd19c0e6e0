"""Lines that run beside one another: polylines, outlines and points by the distance between them."""

from __future__ import annotations

import numpy as np

from components.labels.quality.matching import Codes, Floats, join

POINTS = 32  # equally spaced along each line
# Lines are of the same thing up to 20 pixels apart in an image 1,280 wide (the tolerance of TuSimple's lane
# benchmark, 2017), and as much of the width in others.
TOLERANCE = 20 / 1280
THRESHOLD = 0.5
_AT_ONCE = 5_000  # pairs of lines: 40 MB for each working array


def likeness(a: Floats, b: Floats, tolerance: float) -> Floats:
    """Return how alike lines a[k] and b[k] lie, in 0..1: 1 for the same line, 0.5 at `tolerance` apart.

    Arrays are (lines, POINTS, 2), made by `resampled`. likeness = 1 / (1 + d / tolerance), where d is the
    mean distance from the points of either line to the nearest place on the other, the mean of both ways (a
    symmetric form of the modified Hausdorff distance; Dubuisson and Jain, 1994). `tolerance` is in pixels.
    """
    distance = (_to_line(a, b).mean(axis=1) + _to_line(b, a).mean(axis=1)) / 2
    return np.asarray(1 / (1 + distance / tolerance))


def alike(
    a: Floats, b: Floats, group_a: Codes, group_b: Codes, tolerance: float
) -> tuple[Codes, Codes, Floats]:
    """Return all pairs of lines of the same group that lie within the tolerance, and their likeness."""
    parts = join(group_a, group_b, _AT_ONCE)
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    found = [likeness(a[i], b[j], tolerance) for i, j in parts]
    i, j = (np.concatenate(side) for side in zip(*parts, strict=True))
    value = np.concatenate(found)
    kept = value >= THRESHOLD
    return i[kept], j[kept], value[kept]


def resampled(points: Floats, closed: bool) -> Floats:
    """Return POINTS places equally spaced along a line of corners (n, 2); a closed one returns to its start.

    A line without corners lies nowhere: it gets NaN and is like no other.
    """
    if not len(points):
        return np.full((POINTS, 2), np.nan)
    corners = np.concatenate([points, points[:1]]) if closed else points
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    places = np.linspace(0, along[-1], POINTS)
    return np.stack([np.interp(places, along, corners[:, axis]) for axis in (0, 1)], axis=1)


def _to_line(points: Floats, line: Floats) -> Floats:
    """Return the distance of each point (k, POINTS, 2) to the nearest place on its line, (k, POINTS)."""
    start, step = line[:, None, :-1], np.diff(line, axis=1)[:, None]
    offset = points[:, :, None] - start
    length = (step**2).sum(axis=-1)
    part = np.clip((offset * step).sum(axis=-1) / np.where(length > 0, length, 1), 0, 1)
    nearest = offset - part[..., None] * step
    return np.asarray(np.sqrt((nearest**2).sum(axis=-1)).min(axis=2))
