"""Find objects that vanish or flicker, and attributes that change for a moment only."""

from __future__ import annotations

import numpy as np

from brume.labels.model.quality.annotation_sets import CLASS, Subject
from brume.labels.model.quality.arrays import Codes
from brume.labels.model.quality.faults import FLICKER, LABEL_ERROR, VANISH, Fault
from brume.labels.model.quality.frame_size import FrameSizes
from brume.labels.model.quality.object_tracks import Trails

MOMENT = 5  # frames: half a second at the usual ten a second, too short for anything on a road to change
FLICKERS = 3  # gaps, or moments of another value, that follow one another within MOMENT frames
EDGE = 0.01  # of the frame: an object as near to the edge may have left


def gaps(trails: Trails, sizes: FrameSizes) -> list[Fault]:
    """Return the gaps in which an object is not labelled though it was in view before and after.

    An object that is last or next seen at the frame's edge (EDGE of its width and height) has left it and is
    not reported. FLICKERS or more short gaps that follow one another are one flicker. The score of a
    vanishing is the number of frames that lack the object, divided by one and the gaps that objects of the
    job have on average: where a job leaves out whatever is hidden, a gap is no surprise. The score of a
    flicker is the number of its gaps.
    """
    before = np.flatnonzero(trails.goes_on & (np.diff(trails.tick) > 1))
    inside = ~sizes.at_edge(trails.box, trails.item, EDGE)
    before = before[inside[before] & inside[before + 1]]
    missing = trails.tick[before + 1] - trails.tick[before] - 1
    usual = 1 + before.size / max(int(trails.track.max(initial=0)) + 1, 1)
    found = []
    for group in _series(trails, before, before + 1, missing):
        first, last = int(before[group[0]]), int(before[group[-1]]) + 1
        name = trails.name(first)
        between = f"between frames {trails.frame[first]} and {trails.frame[last]}"
        if len(group) >= FLICKERS:
            detail = f"{name} is gone and back {len(group)} times {between}, well inside the frame"
            found.append(_fault(trails, FLICKER, float(len(group)), detail, first, last, within=True))
            continue
        for gap in group:
            start, frames = int(before[gap]), int(missing[gap])
            between = f"between frames {trails.frame[start]} and {trails.frame[start + 1]}"
            lack = f"is not labelled for {frames} frame{'s' * (frames > 1)}"
            detail = f"{name} {lack} {between}, though in view before and after"
            found.append(
                _fault(trails, VANISH, round(frames / usual, 2), detail, start, start + 1, within=True)
            )
    return found


def moments(trails: Trails, subjects: dict[str, Subject]) -> list[Fault]:
    """Return where the class or an attribute of an object has another value for a moment and then goes back.

    A moment is up to MOMENT frames, between stretches of the same value that are as long at least. One alone
    is a likely label error, whose score is the share of the value around it in those frames; FLICKERS or more
    that follow one another are one flicker, whose score is their number. Measured attributes may come and go.
    """
    found = []
    for name, subject in subjects.items():
        codes = subject.codes[trails.row]
        if not (codes >= 0).any() or subject.values is not None:
            continue
        starts = np.flatnonzero(np.r_[True, (np.diff(codes) != 0) | ~trails.goes_on]) if codes.size else codes
        found += _moments_of(trails, name, subject, codes, starts)
    return found


def _moments_of(trails: Trails, name: str, subject: Subject, codes: Codes, starts: Codes) -> list[Fault]:
    ends = np.r_[starts[1:], codes.size] - 1
    track, value = trails.track[starts], codes[starts]
    middle = np.arange(1, starts.size - 1)
    back = (track[middle - 1] == track[middle + 1]) & (value[middle - 1] == value[middle + 1])
    length = trails.tick[ends] - trails.tick[starts] + 1
    spoken = (value[middle] >= 0) & (value[middle - 1] >= 0)
    short = middle[back & spoken & (length[middle] <= MOMENT)]
    # In a flicker the moments of one value lie between those of the other: the rarer one is odd.
    total = np.unique(track * (len(subject.names) + 1) + value, return_inverse=True)[1]
    often = np.bincount(total, length)[total]
    short = short[often[short] < often[short - 1]]
    found = []
    for group in _series(trails, starts[short], ends[short], length[short]):
        runs = short[np.array(group)]
        first, last = int(starts[runs[0]]), int(ends[runs[-1]])
        what, odd = ("its class" if name == CLASS else name), subject.text(int(value[runs[0]]))
        usual, frames = subject.text(int(value[runs[0] - 1])), int(length[runs].sum())
        around = float(length[runs - 1].sum() + length[runs[-1] + 1])
        if len(group) >= FLICKERS:
            detail = f"{trails.name(first)}: {what} changes between {usual} and {odd} {len(group)} times"
            found.append(_fault(trails, FLICKER, float(len(group)), detail, first, last))
        elif min(length[runs[0] - 1], length[runs[-1] + 1]) >= frames:
            detail = (
                f"{trails.name(first)}: {what} is {odd} for {frames} frame{'s' * (frames > 1)} "
                f"and {usual} in the {around:.0f} around"
            )
            score = round(around / (around + frames), 3)
            found.append(_fault(trails, LABEL_ERROR, score, detail, first, last))
    return found


def _series(trails: Trails, first: Codes, last: Codes, length: Codes) -> list[list[int]]:
    """Gather short events, from row `first` to row `last` each, of one object that follow one another."""
    groups: list[list[int]] = []
    for event in range(first.size):
        if groups:
            before = groups[-1][-1]
            near = trails.tick[first[event]] - trails.tick[last[before]] <= MOMENT
            same = trails.track[first[event]] == trails.track[last[before]]
            if near and same and max(length[event], length[before]) <= MOMENT:
                groups[-1].append(event)
                continue
        groups.append([event])
    return groups


def _fault(
    trails: Trails, kind: str, score: float, detail: str, first: int, last: int, *, within: bool = False
) -> Fault:
    """Return a fault from one row to another, or of the frames `within`, in which there are no rows."""
    start, end = int(trails.frame[first]), int(trails.frame[last])
    return Fault(
        kind,
        score,
        detail,
        item=int(trails.item[first]),
        frame_no=start + 1 if within else start,
        frame_end=end - 1 if within else end,
        label=int(trails.row[first]),
    )
