"""Tracks: the consolidated boxes of each object, in the order of its frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brume.labels.model.quality.annotation_sets import AnnotationSets
from brume.labels.model.quality.arrays import Codes, Flags, Floats, compact, dense


@dataclass(frozen=True)
class Trails:
    """Rows of boxes with a position, ordered by object and then by frame; one box an object and frame.

    A tick is the place of a frame among the frames of its item: sequences labelled at every fifth frame have
    no gaps.
    """

    row: Codes  # among the labels
    track: Codes  # objects numbered from 0 on
    item: Codes
    frame: Codes
    tick: Codes
    box: Floats  # left, top, width, height
    sets: AnnotationSets

    def name(self, place: int) -> str:
        """Return what the object of a row is called."""
        return str(self.sets.name_of(int(self.row[place])))

    @property
    def goes_on(self) -> Flags:
        """Mark the rows whose next row is of the same object; one less than there are rows."""
        return np.asarray(self.track[1:] == self.track[:-1])

    @property
    def centre(self) -> Floats:
        """Return the middle of each box, (rows, 2) in pixels."""
        return np.asarray(self.box[:, :2] + self.box[:, 2:] / 2)

    @property
    def size(self) -> Floats:
        """Return the side of a square as large as each box, in pixels, 1 at least."""
        return np.sqrt(np.maximum(self.box[:, 2] * self.box[:, 3], 1.0))


def follow(sets: AnnotationSets) -> Trails:
    """Return the consolidated objects of a job; those without a finite position are left out."""
    item, frame = sets.item[sets.set_number], sets.frame
    tick = _ticks(item, frame, sets.consolidated)
    chosen = sets.consolidated & sets.of_kind("box") & (sets.track >= 0) & (frame >= 0)
    rows = np.flatnonzero(chosen & np.isfinite(sets.box).all(axis=1))
    order = rows[np.lexsort((frame[rows], sets.track[rows]))]
    once = np.ones(order.size, dtype=bool)
    once[1:] = (np.diff(sets.track[order]) != 0) | (np.diff(frame[order]) != 0)
    order = order[once]
    track = dense(sets.track[order])
    box = sets.box[order]
    return Trails(order, track, item[order], frame[order], tick[order], box, sets)


def around(trails: Trails, values: Floats, reach: int) -> Floats:
    """Return the median of each value and of those up to `reach` rows before and after of the same object.

    NaN values do not count; where none does, the result is NaN.
    """
    offset = np.arange(-reach, reach + 1)
    place = np.arange(values.size)[:, None] + offset
    inside = np.clip(place, 0, values.size - 1)
    same = (place == inside) & (trails.track[inside] == trails.track[:, None])
    ordered = np.sort(np.where(same, values[inside], np.nan), axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    row = np.arange(values.size)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    # Of an odd number both are the middle one; NaN, last in order, is what is left of none.
    high = np.where(count % 2 == 1, low, high)
    return np.asarray((ordered[row, low] + ordered[row, high]) / 2)


def spread(groups: Codes, values: Floats) -> tuple[Floats, Floats]:
    """Return the median of each group (numbered from 0 on) and its median absolute deviation, as for a normal
    distribution (times 1.4826); NaN for a group without a finite value.
    """
    middle = medians(groups, values)
    return middle, 1.4826 * medians(groups, np.abs(values - middle[groups]))


def medians(groups: Codes, values: Floats) -> Floats:
    """Return the median of each group, numbered from 0 on, of its finite values."""
    size = int(groups.max(initial=-1)) + 1
    finite = np.isfinite(values)
    group, value = groups[finite], values[finite]
    order = np.lexsort((value, group))
    count = np.bincount(group, minlength=size)
    start = np.cumsum(count) - count
    ordered = np.append(value[order], np.nan)
    none = count == 0
    low = np.where(none, -1, start + (count - 1) // 2)
    high = np.where(none, -1, start + count // 2)
    return np.asarray((ordered[low] + ordered[high]) / 2)


def runs(flags: Flags, breaks: Flags) -> Iterator[tuple[int, int]]:
    """Yield the first and last place of each run of marked rows; `breaks` marks rows that begin a new one."""
    marked = np.flatnonzero(flags)
    if marked.size:
        cut = (np.diff(marked) > 1) | breaks[marked[1:]]
        for part in np.split(marked, np.flatnonzero(cut) + 1):
            yield int(part[0]), int(part[-1])


def _ticks(item: Codes, frame: Codes, made: Flags) -> Codes:
    """Return the tick of each consolidated label of a sequence; 0 for other labels."""
    tick = np.zeros(item.size, np.int64)
    rows = np.flatnonzero(made & (frame >= 0))
    if rows.size:
        of_item = compact(item[rows])
        moment = dense(of_item, frame[rows])
        home = np.zeros(int(moment.max()) + 1, dtype=np.int64)
        home[moment] = of_item
        count = np.bincount(home)
        tick[rows] = moment - (np.cumsum(count) - count)[of_item]
    return tick
