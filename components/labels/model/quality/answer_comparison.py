"""Compare two workers' answers for one item: matched labels and their similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brume.labels.model.quality import boxes, polylines, track_metrics
from brume.labels.model.quality.annotation_sets import CLASS, AnnotationSets
from brume.labels.model.quality.arrays import Codes, Floats, dense
from brume.labels.model.quality.matching import join, match

LINES = ("polyline", "polygon", "keypoint")
COMPARED = ("box", *LINES, "entity", "class", "frame")  # a mask's pixels are not in the lake; frame is last
PARTNERS = 6  # in each direction: every pair of up to 13 answers of an item, and as many of each beyond
_AT_ONCE = 200_000  # labels of one side


@dataclass(frozen=True)
class Pairs:
    """Pairs of sets, and the pairs of labels that are the same thing in both."""

    first: Codes  # the annotation sets of each pair
    second: Codes
    pair: Codes  # of each match, as are a, b and likeness
    a: Codes  # a label of the pair's first set
    b: Codes
    likeness: Floats  # IoU of boxes, likeness of lines, 1 of others


@dataclass(frozen=True)
class Following:
    """How alike the tracks of each pair of sets are; 0 boxes where there are no tracks."""

    boxes: Codes  # of both sets
    shared: Codes  # IDTP
    mota: Floats  # mean of both ways; NaN without boxes on either side


def partners(sets: AnnotationSets) -> tuple[Codes, Codes]:
    """Return the pairs of answers to compare: of one item, by different workers, each pair once.

    Of an item with more than 13 answers each is compared with the six before and the six after it, so that
    the work grows with the answers and not with their square.
    """
    given = np.flatnonzero(sets.answer >= 0)
    given = given[np.argsort(sets.item[given], kind="stable")]
    item = sets.item[given]
    _, start, inverse, count = np.unique(item, return_index=True, return_inverse=True, return_counts=True)
    rank, size, begin = np.arange(given.size) - start[inverse], count[inverse], start[inverse]
    first, second = [], []
    for step in range(1, PARTNERS + 1):
        # Around the circle of an item's answers; the half circle meets every pair twice.
        use = (2 * step < size) | ((2 * step == size) & (rank < step))
        first.append(given[use])
        second.append(given[begin[use] + (rank[use] + step) % size[use]])
    a, b = np.concatenate(first), np.concatenate(second)
    other = sets.worker[a] != sets.worker[b]
    return a[other], b[other]


def compare(sets: AnnotationSets, first: Codes, second: Codes, width: float) -> Pairs:
    """Match the labels of each pair of sets one to one.

    Boxes match from an IoU of 0.5 on and lines within `polylines.TOLERANCE` of the frame's `width`, frame by
    frame, for the greatest sum; entities by start and end; classes of an item each with its equal, then with
    what is left; frames by number.
    """
    found = []
    for start, stop in _parts(sets, first, second):
        a, b, pair_a, pair_b = _labels(sets, first[start:stop], second[start:stop])
        for kind in COMPARED:
            of_a, of_b = sets.of_kind(kind)[a], sets.of_kind(kind)[b]
            if of_a.any() and of_b.any():
                i, j, like = _alike(sets, kind, (a[of_a], b[of_b]), (pair_a[of_a], pair_b[of_b]), width)
                chosen = match(i, j, like)
                pair, i, j = pair_a[of_a][i], i[chosen], j[chosen]
                likeness = like[chosen] if kind in ("box", *LINES) else np.ones(chosen.size)
                found.append((start + pair[chosen], a[of_a][i], b[of_b][j], likeness))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return Pairs(first, second, none, none, none, np.empty(0))
    pair, a, b, likeness = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((a, pair))
    return Pairs(first, second, pair[order], a[order], b[order], likeness[order])


def follow(sets: AnnotationSets, first: Codes, second: Codes) -> Following:
    """Compare the tracks of each pair of sets."""
    size = first.size
    total_a, total_b = np.zeros(size, np.int64), np.zeros(size, np.int64)
    shared, mota = np.zeros(size, np.int64), np.full(size, np.nan)
    tracked = sets.of_kind("box") & (sets.track >= 0) & (sets.frame >= 0)
    if tracked.any():
        for start, stop in _parts(sets, first, second):
            a, b, pair_a, pair_b = _labels(sets, first[start:stop], second[start:stop])
            a, pair_a = a[tracked[a]], pair_a[tracked[a]]
            b, pair_b = b[tracked[b]], pair_b[tracked[b]]
            part = slice(start, stop)
            total_a[part] = np.bincount(pair_a, minlength=stop - start)
            total_b[part] = np.bincount(pair_b, minlength=stop - start)
            shared[part], mota[part] = _followed(sets, (a, b), (pair_a, pair_b), stop - start)
    return Following(total_a + total_b, shared, mota)


def equal_subjects(sets: AnnotationSets, pairs: Pairs) -> Floats:
    """Return for each match the share of its values (class, attributes), 0 to 1, that both labels have.

    1 where neither has any.
    """
    stated = np.zeros(pairs.a.size)
    same = np.zeros(pairs.a.size)
    for subject in sets.subjects.values():
        a, b = subject.codes[pairs.a], subject.codes[pairs.b]
        spoken = (a >= 0) | (b >= 0)
        stated += spoken
        same += spoken & (a == b)
    return np.where(stated > 0, same / np.maximum(stated, 1), 1.0)


def agreement(sets: AnnotationSets, pairs: Pairs) -> Floats:
    """Return how far each pair of sets agrees, 0 to 1: one F1 over everything they say.

    2 S / (labels of both), as Dice's coefficient is ("Measures of the amount of ecologic association between
    species", 1945), where S sums over matched labels the share of class and attributes that are equal
    (`equal_subjects`): 1 when all labels match and say the same, or when neither set has any. Frames count
    as labels only in a job that has no others.
    """
    counted = sets.of_kind(*COMPARED[:-1])
    if not counted.any():
        counted = sets.of_kind("frame")
    labels = np.bincount(sets.set_number[counted], minlength=sets.item.size)
    total = labels[pairs.first] + labels[pairs.second]
    same = np.where(counted[pairs.a], equal_subjects(sets, pairs), 0)
    common = np.bincount(pairs.pair, same, minlength=pairs.first.size)
    return np.where(total > 0, 2 * common / np.maximum(total, 1), 1.0)


def _parts(sets: AnnotationSets, first: Codes, second: Codes) -> list[tuple[int, int]]:
    """Cut the pairs into runs of about `_AT_ONCE` labels."""
    count = np.diff(sets.bounds)
    before = np.cumsum(np.maximum(count[first], count[second]))
    parts, start = [], 0
    while start < first.size:
        reach = (before[start - 1] if start else 0) + _AT_ONCE
        stop = max(start + 1, int(np.searchsorted(before, reach, side="right")))
        parts.append((start, stop))
        start = stop
    return parts


def _labels(sets: AnnotationSets, first: Codes, second: Codes) -> tuple[Codes, Codes, Codes, Codes]:
    """Return the labels of both sides of some pairs, and the pair that each belongs to."""
    bounds = sets.bounds
    sides = []
    for side in (first, second):
        count = bounds[side + 1] - bounds[side]
        pair = np.repeat(np.arange(side.size), count)
        sides.append((bounds[side][pair] + np.arange(pair.size) - (np.cumsum(count) - count)[pair], pair))
    (a, pair_a), (b, pair_b) = sides
    return a, b, pair_a, pair_b


def _together(a: tuple[Codes, ...], b: tuple[Codes, ...]) -> tuple[Codes, Codes]:
    """Return one number for each row of either side's columns, equal where the columns are."""
    codes = dense(*(np.concatenate(columns) for columns in zip(a, b, strict=True)))
    return codes[: a[0].size], codes[a[0].size :]


def _alike(
    sets: AnnotationSets, kind: str, labels: tuple[Codes, Codes], pairs: tuple[Codes, Codes], width: float
) -> tuple[Codes, Codes, Floats]:
    """Return the pairs of labels of one kind that may be the same thing: positions on both sides, weights."""
    a, b = labels
    group_a, group_b = _together((pairs[0], sets.frame[a]), (pairs[1], sets.frame[b]))
    if kind == "box":
        return boxes.overlapping(sets.box[a], sets.box[b], group_a, group_b)
    if kind in LINES:
        tolerance = polylines.TOLERANCE * width
        return polylines.alike(sets.outlines[a], sets.outlines[b], group_a, group_b, tolerance)
    if kind == "entity":
        group_a, group_b = _together((group_a, *sets.span[a].T), (group_b, *sets.span[b].T))
    parts = list(join(group_a, group_b, _AT_ONCE))
    i, j = (np.concatenate(side) for side in zip(*parts, strict=True))
    classes = sets.subjects[CLASS].codes
    return i, j, np.where(classes[a][i] == classes[b][j], 1.0, 0.5)


def _followed(
    sets: AnnotationSets, labels: tuple[Codes, Codes], pairs: tuple[Codes, Codes], size: int
) -> tuple[Codes, Floats]:
    """Return IDTP and MOTA of each of `size` pairs, from the boxes of both sides and their pairs."""
    a, b = labels
    group_a, group_b = _together((pairs[0], sets.frame[a]), (pairs[1], sets.frame[b]))
    i, j, overlap = boxes.overlapping(sets.box[a], sets.box[b], group_a, group_b)
    pair, frame = pairs[0][i], group_a[i]
    track_a, track_b = dense(pair, sets.track[a][i]), dense(pair, sets.track[b][j])
    matched_a, _, frames = track_metrics.shared_identity(frame, track_a, track_b)
    home = np.zeros(int(track_a.max(initial=0)) + 1, dtype=np.int64)
    home[track_a] = pair
    shared = np.bincount(home[matched_a], frames, minlength=size).astype(np.int64)
    total = [np.bincount(side, minlength=size) for side in pairs]
    ways = []
    for truth, other, boxes_of_truth in ((track_a, track_b, total[0]), (track_b, track_a, total[1])):
        chosen, switched = track_metrics.clear_matches(frame, truth, other, overlap)
        hits = np.bincount(pair[chosen], minlength=size)
        wrong = total[0] + total[1] - 2 * hits + np.bincount(pair[switched], minlength=size)
        ways.append(np.where(boxes_of_truth > 0, 1 - wrong / np.maximum(boxes_of_truth, 1), np.nan))
    return shared, np.asarray((ways[0] + ways[1]) / 2)
