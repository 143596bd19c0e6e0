"""Lines that run beside one another: polylines, outlines and points by the distance between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from components.labels.quality.matching import Codes, Floats, join

Flags = npt.NDArray[np.bool_]

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
    found = [_within(a, b, i, j, tolerance) for i, j in join(group_a, group_b, _AT_ONCE)]
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    i, j, value = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j, value


def resampled(corners: Floats, count: Codes, closed: Flags) -> Floats:
    """Return POINTS places equally spaced along each of many lines, (lines, POINTS, 2).

    `corners` (n, 2) are those of all lines in order, `count` tells how many each has; a closed line returns
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


def _within(a: Floats, b: Floats, i: Codes, j: Codes, tolerance: float) -> tuple[Codes, Codes, Floats]:
    """Return those of the pairs i, j that are as near as the tolerance, and their likeness."""
    # A line is no nearer to the other, in the mean, than its middle is to the other's bounds.
    apart = _to_bounds(a.mean(axis=1)[i], b[j]) + _to_bounds(b.mean(axis=1)[j], a[i])
    near = apart <= 2 * tolerance
    i, j = i[near], j[near]
    value = likeness(a[i], b[j], tolerance)
    kept = value >= THRESHOLD
    return i[kept], j[kept], value[kept]


def _to_bounds(point: Floats, line: Floats) -> Floats:
    """Return how far points (k, 2) lie from the smallest upright rectangles around lines (k, POINTS, 2)."""
    over = np.maximum(np.maximum(line.min(axis=1) - point, point - line.max(axis=1)), 0)
    return np.asarray(np.hypot(over[:, 0], over[:, 1]))


def _to_line(points: Floats, line: Floats) -> Floats:
    """Return the distance of each point (k, POINTS, 2) to the nearest place on its line, (k, POINTS)."""
    start, step = line[:, None, :-1], np.diff(line, axis=1)[:, None]
    offset = points[:, :, None] - start
    length = (step**2).sum(axis=-1)
    part = np.clip((offset * step).sum(axis=-1) / np.where(length > 0, length, 1), 0, 1)
    nearest = offset - part[..., None] * step
    return np.asarray(np.sqrt((nearest**2).sum(axis=-1)).min(axis=2))
