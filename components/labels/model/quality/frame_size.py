"""Sizes of a job's frames: as annotated, or estimated from boxes at their edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brume.labels.model.quality.arrays import Codes, Flags, Floats

_CUT = 3  # pixels that an object moves while its end stays at the same pixel: the edge cuts it
_OBJECTS = 3  # different ones that are cut there
_OVER = 0.02  # the share of an item's boxes that may reach beyond a size that was inferred


@dataclass(frozen=True)
class FrameSizes:
    """Width and height in pixels by item (NaN: unknown), and how far its boxes reach."""

    known: dict[int, tuple[float, float]]
    reached: dict[int, tuple[float, float]]

    def of(self, items: Codes) -> Floats:
        """Return (width, height) of the frame of each of many rows, NaN where unknown."""
        return _look_up(self.known, items)

    def filled(self, items: Codes) -> Floats:
        """Return the same, and how far the item's boxes reach where that is unknown."""
        size = self.of(items)
        return np.where(np.isfinite(size), size, _look_up(self.reached, items))

    def at_edge(self, box: Floats, items: Codes, share: float) -> Flags:
        """Mark boxes that come within a share of the frame's width or height to its edge, or lie beyond.

        Where the size is not known, the edge is where the item's boxes end.
        """
        size = self.filled(items)
        near = (box[:, :2] <= share * size).any(axis=1)
        return np.asarray(near | (box[:, :2] + box[:, 2:] >= (1 - share) * size).any(axis=1))


def frame_sizes(
    box: Floats, items: Codes, objects: Codes, given: dict[int, tuple[float | None, float | None]]
) -> FrameSizes:
    """Return the size of each item's frames, from the boxes of a job, their items and their objects.

    `given` is what the annotations say by item. Where they say nothing (those of sequences do not), the edge
    shows by the objects that it cuts: several of them go on moving while their boxes end at the same pixel,
    and hardly any box ends beyond it. An item without such an edge takes the largest of the job. A size that
    more than _OVER of an item's boxes would exceed is none: they are not all wrong.
    """
    if not items.size:
        return FrameSizes({}, {})
    names, inverse = np.unique(items, return_inverse=True)
    rows = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    known, reached = np.full((names.size, 2), np.nan), np.zeros((names.size, 2))
    for axis in (0, 1):
        ends = np.where(box[:, axis + 2] > 0, box[:, axis] + box[:, axis + 2], np.nan)
        edges = np.full(names.size, np.nan)
        annotated = [given.get(int(item), (None, None))[axis] or np.nan for item in names]
        for place, here in enumerate(rows):
            reached[place, axis] = np.fmax.reduce(ends[here], initial=0)
            if np.isnan(annotated[place]):
                edges[place] = _edge(box[here, axis], ends[here], objects[here])
        edges = np.where(np.isfinite(edges), edges, np.fmax.reduce(edges, initial=-1))
        over = np.bincount(inverse, ends > edges[inverse], minlength=names.size) / np.bincount(inverse)
        edges = np.where((edges > 0) & (over <= _OVER), edges, np.nan)
        known[:, axis] = np.where(np.isfinite(annotated), annotated, edges)
    return FrameSizes(
        {int(item): (size[0], size[1]) for item, size in zip(names, known.tolist(), strict=True)},
        {int(item): (size[0], size[1]) for item, size in zip(names, reached.tolist(), strict=True)},
    )


def _edge(starts: Floats, ends: Floats, objects: Codes) -> float:
    """Return the last pixel at which boxes are cut; NaN without one."""
    finite = np.isfinite(ends)
    if not finite.any():
        return np.nan
    for value in np.unique(ends[ends >= np.quantile(ends[finite], 1 - _OVER)])[::-1]:
        there = ends == value
        names, index = np.unique(objects[there], return_inverse=True)
        low, high = np.full(names.size, np.inf), np.full(names.size, -np.inf)
        np.minimum.at(low, index, starts[there])
        np.maximum.at(high, index, starts[there])
        if (high - low >= _CUT).sum() >= _OBJECTS:
            return float(value)
    return np.nan


def _look_up(table: dict[int, tuple[float, float]], items: Codes) -> Floats:
    known, inverse = np.unique(items, return_inverse=True)
    rows = [table.get(int(item), (np.nan, np.nan)) for item in known]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)[inverse]
