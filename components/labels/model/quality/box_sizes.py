"""Find boxes without a size, outside of the frame, or of a size unusual for their class."""

from __future__ import annotations

import numpy as np

from brume.labels.model.quality.annotation_sets import CLASS, AnnotationSets
from brume.labels.model.quality.arrays import Codes, Flags, Floats, dense
from brume.labels.model.quality.faults import OUTSIDE, SIZE, Fault
from brume.labels.model.quality.frame_size import FrameSizes
from brume.labels.model.quality.object_tracks import Trails, around, medians, runs, spread

BEYOND = 0.01  # of the frame's width or height, and two pixels at least: less is a stroke of the hand
WHOLE = 0.95  # of the frame's width and height
SUDDEN = 3  # times as large, or a third, as the same object in the frames around
DEVIATIONS = 3.5  # robust (Iglewicz and Hoaglin, 1993) of log area from the class's median, and
APART = 3  # times as large as any other, or a third of it
FEW = 8  # objects of a kind from which the usual size is known
_RARE = 0.02  # the share of a job's boxes that can be as large as the frame and still be a surprise
_ODD = 0.05  # the share of a class's objects that can be odd
_EDGE = 0.01
_REACH = 3


def impossible(sets: AnnotationSets, sizes: FrameSizes) -> list[Fault]:
    """Return the consolidated boxes without a positive size, out of the frame, or as large as the frame.

    One fault for each run of frames of an object. The score is the share of the box that lies outside; 1 for
    a box without a size, and for one that covers the frame. Covering the frame is a fault only where it is
    rare (_RARE of the job's boxes): a photograph may show one thing.
    """
    rows = np.flatnonzero(sets.consolidated & sets.of_kind("box"))
    order = rows[np.lexsort((sets.frame[rows], sets.track[rows], sets.item[sets.set_number[rows]]))]
    box, item = sets.box[order], sets.item[sets.set_number[order]]
    frame, size = sets.frame[order], sizes.of(item)
    sized = (box[:, 2] > 0) & (box[:, 3] > 0) & np.isfinite(box).all(axis=1)
    covers = sized & (box[:, 2:] >= WHOLE * sizes.filled(item)).all(axis=1)
    outside = _outside(box, size)
    tolerance = np.fmax(BEYOND * size, 2.0)
    beyond = (box[:, :2] < -np.nan_to_num(tolerance, nan=2.0)) | (box[:, :2] + box[:, 2:] > size + tolerance)
    leaves = sized & beyond.any(axis=1) & ~covers
    # Without an object each box is a thing of its own; frames that do not follow are kept apart.
    apart = np.ones(order.size, dtype=bool)
    track = sets.track[order]
    apart[1:] = (track[1:] != track[:-1]) | (track[1:] < 0)
    found = []
    for first, last in runs(~sized, apart):
        shown = " by ".join(f"{side:g}" for side in box[first, 2:])
        detail = f"{_called(sets, order[first])} is {shown} pixels: a box needs a width and a height"
        found.append(_fault(SIZE, 1.0, detail, order, item, frame, first, last))
    if covers.sum() <= max(1.0, _RARE * order.size):
        for first, last in runs(covers, apart):
            shown = " by ".join(f"{side:g}" for side in box[first, 2:])
            detail = f"{_called(sets, order[first])} covers the whole frame ({shown} pixels)"
            found.append(_fault(SIZE, 1.0, detail, order, item, frame, first, last))
    for first, last in runs(leaves, apart):
        worst = first + int(outside[first : last + 1].argmax())
        where = _sides(box[worst], size[worst])
        detail = f"{_called(sets, order[first])} reaches beyond the frame: {where}"
        score = round(float(outside[worst]), 3)
        found.append(_fault(OUTSIDE, score, detail, order, item, frame, first, last))
    return found


def sudden(trails: Trails, sizes: FrameSizes) -> list[Fault]:
    """Return where an object is for some frames SUDDEN times as large as before and after, or a third.

    Its area is compared with the median of the frames around. Boxes at the frame's edge are cut by it and
    do not count. The score is the factor.
    """
    area = np.where(_sized(trails.box), np.log(np.maximum(trails.size**2, 1)), np.nan)
    area[sizes.at_edge(trails.box, trails.item, _EDGE)] = np.nan
    change = area - around(trails, area, _REACH)
    odd = np.abs(change) > np.log(SUDDEN)
    apart = np.r_[True, ~trails.goes_on]
    found = []
    for first, last in runs(odd, apart[: odd.size]):
        worst = first + int(np.abs(change[first : last + 1]).argmax())
        factor = float(np.exp(abs(change[worst])))
        word = "large" if change[worst] > 0 else "small"
        detail = f"{trails.name(first)} is {factor:.1f} times as {word} as in the frames around"
        found.append(
            _fault(SIZE, round(factor, 2), detail, trails.row, trails.item, trails.frame, first, last)
        )
    return found


def unlike_their_kind(sets: AnnotationSets, sizes: FrameSizes) -> list[Fault]:
    """Return objects whose size is far from that of all others of their class in the job.

    The median of an object's log area lies DEVIATIONS robust standard deviations (of the class's objects)
    from the class's median, and APART beyond every object of the class that does not. Classes with fewer than
    FEW objects are left out, and those of which more than _ODD are odd have two usual sizes. Boxes that the
    frame's edge cuts count only for an object that has no others, and never make it too small. The score is
    the factor to the median.
    """
    rows = np.flatnonzero(sets.consolidated & sets.of_kind("box"))
    box, item = sets.box[rows], sets.item[sets.set_number[rows]]
    whole = (box[:, 2:] >= WHOLE * sizes.filled(item)).all(axis=1)
    sized = _sized(box) & ~whole
    rows, cut = rows[sized], sizes.at_edge(box, item, _EDGE)[sized]
    if not rows.size:
        return []
    thing = dense(sets.thing[rows])
    _, first = np.unique(thing, return_index=True)
    area = np.log(sets.box[rows, 2] * sets.box[rows, 3])
    within = medians(thing, np.where(cut, np.nan, area))
    always_cut = np.isnan(within)
    area = np.where(always_cut, medians(thing, area), within)
    kind = dense(sets.subjects[CLASS].codes[rows[first]])
    middle, deviation = spread(kind, area)
    off = (area - middle[kind]) / np.maximum(deviation[kind], 0.1)
    usual = np.abs(off) < DEVIATIONS
    found = []
    count = np.bincount(kind)
    enough = (count >= FEW) & (np.bincount(kind, ~usual) <= np.maximum(1, _ODD * count))
    odd = ~usual & enough[kind] & ((off > 0) | ~always_cut)
    for number in np.flatnonzero(odd):
        others = area[usual & (kind == kind[number])]
        apart = area[number] - others.max() if off[number] > 0 else others.min() - area[number]
        if apart > np.log(APART):
            factor = float(np.exp(abs(area[number] - middle[kind[number]])))
            found.append(_unlike(sets, rows[thing == number], factor, off[number] > 0, others.size))
    return found


def _unlike(sets: AnnotationSets, rows: Codes, factor: float, large: bool, others: int) -> Fault:
    sides = np.median(sets.box[rows, 2:], axis=0)
    word = "large" if large else "small"
    detail = (
        f"{_called(sets, rows[0])} is {sides[0]:.0f} by {sides[1]:.0f} pixels, {factor:.0f} times as "
        f"{word} as the median of the {others} others of its class, and none of them comes near"
    )
    frames = sets.frame[rows]
    order = rows[np.argsort(frames, kind="stable")]
    item = sets.item[sets.set_number[order]]
    return _fault(SIZE, round(factor, 2), detail, order, item, np.sort(frames), 0, rows.size - 1)


def _outside(box: Floats, size: Floats) -> Floats:
    """Return the share of each box's area that lies outside of its frame; a side not known has no end."""
    sized, end = _sized(box), np.where(np.isfinite(size), size, np.inf)
    box = np.where(sized[:, None], box, 1)
    inside = np.clip(np.minimum(box[:, :2] + box[:, 2:], end) - np.maximum(box[:, :2], 0), 0, None)
    return np.where(sized, 1 - inside[:, 0] * inside[:, 1] / (box[:, 2] * box[:, 3]), 0)


def _sized(box: Floats) -> Flags:
    return np.asarray((box[:, 2] > 0) & (box[:, 3] > 0) & np.isfinite(box).all(axis=1))


def _sides(box: Floats, size: Floats) -> str:
    """Say how far a box reaches beyond each side."""
    left, top, right, bottom = *(-box[:2]), *(box[:2] + box[2:] - size)
    sides = {"left": left, "top": top, "right": right, "bottom": bottom}
    edges = [f"{pixels:g} pixels at the {side}" for side, pixels in sides.items() if pixels > 0]
    frame = [f"{side:g} {word}" for side, word in zip(size, ("wide", "high"), strict=True) if side > 0]
    known = f" (the frame is {' and '.join(frame)})" if frame else ""
    return " and ".join(edges) + known


def _called(sets: AnnotationSets, row: int) -> str:
    return sets.described(int(row)) or "Box without a place"


def _fault(
    kind: str, score: float, detail: str, rows: Codes, item: Codes, frame: Codes, first: int, last: int
) -> Fault:
    start, end = int(frame[first]), int(frame[last])
    return Fault(
        kind,
        score,
        detail,
        item=int(item[first]),
        frame_no=start if start >= 0 else None,
        frame_end=end if end >= 0 else None,
        label=int(rows[first]),
    )
