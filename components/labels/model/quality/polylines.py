"""Similarity of polylines, outlines and points by the distance between them."""

from __future__ import annotations

import numpy as np

from brume.labels.model.quality.arrays import Codes, Flags, Floats
from brume.labels.model.quality.matching import join

POINTS = 16  # equally spaced along each line
# Lines are of the same thing up to 20 pixels apart in an image 1,280 wide (the tolerance of TuSimple's lane
# benchmark, 2017), and as much of the width in others.
TOLERANCE = 20 / 1280
THRESHOLD = 0.5
_AT_ONCE = 20_000  # pairs of lines: 80 MB for each working array


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
    bounds = [(line.mean(axis=1), line.min(axis=1), line.max(axis=1)) for line in (a, b)]
    found = []
    for i, j in join(group_a, group_b, _AT_ONCE):
        (middle_a, low_a, high_a), (middle_b, low_b, high_b) = bounds
        # A line is no nearer to the other, in the mean, than its middle is to the other's bounds.
        apart = _to_bounds(middle_a[i], low_b[j], high_b[j]) + _to_bounds(middle_b[j], low_a[i], high_a[i])
        near = apart <= 2 * tolerance
        i, j = i[near], j[near]
        value = likeness(a[i], b[j], tolerance)
        kept = value >= THRESHOLD
        found.append((i[kept], j[kept], value[kept]))
    i, j, value = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j, value


def resampled(corners: Floats, count: Codes, closed: Flags) -> Floats:
    """Return POINTS places equally spaced along each of many lines, (lines, POINTS, 2).

    `corners` (n, 2) are those of all lines in order, `count` is how many each has; a closed line returns
    to its first. A line without corners lies nowhere: it gets NaN and is like no other.
    """
    ends = np.cumsum(count)
    longer = count + (closed & (count > 0))
    line = np.repeat(np.arange(count.size), longer)
    within = np.arange(line.size) - np.repeat(np.cumsum(longer) - longer, longer)
    points = corners[(ends - count)[line] + np.where(within == count[line], 0, within)]
    step = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    # All lines one after the other, a pixel apart, so that one interpolation serves them all.
    step[within == 0] = 1
    along = np.cumsum(step)
    start, stop = np.zeros(count.size), np.zeros(count.size)
    some = longer > 0
    start[some] = along[within == 0]
    stop[some] = along[(np.cumsum(longer) - 1)[some]]
    places = start[:, None] + np.linspace(0, 1, POINTS) * (stop - start)[:, None]
    found = np.full((count.size, POINTS, 2), np.nan)
    for axis in (0, 1) if some.any() else ():
        found[some, :, axis] = np.interp(places[some], along, points[:, axis])
    return found


def _to_bounds(point: Floats, low: Floats, high: Floats) -> Floats:
    """Return how far points (k, 2) lie from the upright rectangles between two corners (k, 2)."""
    over = np.maximum(np.maximum(low - point, point - high), 0)
    return np.asarray(np.hypot(over[:, 0], over[:, 1]))


def _to_line(points: Floats, line: Floats) -> Floats:
    """Return the distance of each point (k, POINTS, 2) to the nearest place on its line, (k, POINTS)."""
    x, y = (points[:, :, None, axis] - line[:, None, :-1, axis] for axis in (0, 1))
    step_x, step_y = (np.diff(line[:, None, :, axis], axis=2) for axis in (0, 1))
    length = step_x**2 + step_y**2
    part = np.clip((x * step_x + y * step_y) / np.where(length > 0, length, 1), 0, 1)
    return np.asarray(np.sqrt(((x - part * step_x) ** 2 + (y - part * step_y) ** 2).min(axis=2)))
