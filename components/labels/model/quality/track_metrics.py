"""IDF1 and MOTA between two answers that follow objects through a sequence.

Both take the pairs of boxes of the two answers that overlap enough in a frame (`boxes.overlapping`): arrays
of the frame, the track of the one and of the other answer, and the IoU. Frames and tracks are numbers; those
of different sequences differ, so that many sequences are compared at once.
"""

from __future__ import annotations

import numpy as np

from brume.labels.model.quality.arrays import Codes, Floats
from brume.labels.model.quality.matching import match


def shared_identity(frame: Codes, a: Codes, b: Codes) -> tuple[Codes, Codes, Codes]:
    """Match whole tracks one to one so that the most frames agree.

    Returns the matched tracks of both answers and the number of frames in which they overlap. Their sum is
    IDTP, and IDF1 = 2 IDTP / (boxes of a + boxes of b) (Ristani et al., "Performance measures and a data set
    for multi-target, multi-camera tracking", 2016): 1 when every object is followed by the same box under one
    name throughout, the same whichever answer is called the truth.
    """
    if not frame.size:
        return frame, a, b
    cells = np.unique(
        np.stack([a, b, frame], axis=1), axis=0
    )  # a track with two boxes in a frame counts once
    pairs, frames = np.unique(cells[:, :2], axis=0, return_counts=True)
    chosen = match(pairs[:, 0], pairs[:, 1], frames.astype(float))
    return pairs[chosen, 0], pairs[chosen, 1], frames[chosen]


def clear_matches(frame: Codes, truth: Codes, other: Codes, overlap: Floats) -> tuple[Codes, Codes]:
    """Match boxes frame by frame as the CLEAR MOT metrics do, `truth`'s tracks against `other`'s.

    A pair that was matched before stays matched while it overlaps; the rest is matched for the greatest total
    IoU. Returns the numbers of the chosen pairs, and of those the ones where the object of `truth` goes on
    under another track than before (mismatches). MOTA = 1 - (misses + false positives + mismatches) / boxes
    of truth (Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance", 2008). It can be
    below 0, and it takes one answer for the truth: where neither is, take the mean of both ways.
    """
    order = np.argsort(frame, kind="stable")
    bounds = np.flatnonzero(np.diff(frame[order])) + 1
    last: dict[int, int] = {}
    chosen, switched = [], []
    for part in np.split(order, bounds) if frame.size else []:
        taken = _frame(part, truth, other, overlap, last)
        for pair, track, found in zip(
            taken.tolist(), truth[taken].tolist(), other[taken].tolist(), strict=True
        ):
            if last.get(track, found) != found:
                switched.append(pair)
            last[track] = found
        chosen.append(taken)
    return np.concatenate(chosen) if chosen else order, np.array(switched, dtype=np.int64)


def _frame(pairs: Codes, truth: Codes, other: Codes, overlap: Floats, last: dict[int, int]) -> Codes:
    """Return the pairs of one frame that match, given the last match of each track of `truth`."""
    a, b = truth[pairs].tolist(), other[pairs].tolist()
    if len(set(a)) == len(a) and len(set(b)) == len(b):
        return pairs
    kept, used_a, used_b = [], set(), set()
    for position in sorted(range(len(a)), key=a.__getitem__):
        if last.get(a[position]) == b[position] and a[position] not in used_a and b[position] not in used_b:
            kept.append(position)
            used_a.add(a[position])
            used_b.add(b[position])
    free = np.array([k for k in range(len(a)) if a[k] not in used_a and b[k] not in used_b], dtype=np.int64)
    rest = pairs[free]
    fresh = rest[match(truth[rest], other[rest], overlap[rest])]
    return np.concatenate([pairs[np.array(kept, dtype=np.int64)], fresh])
