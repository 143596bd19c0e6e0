"""Find objects that jump between frames, and objects that exchange their positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brume.labels.model.quality.arrays import Codes, Floats, dense
from brume.labels.model.quality.faults import JUMP, Fault
from brume.labels.model.quality.object_tracks import Trails, around, medians

REACH = 3  # steps before and after that show how an object moves
LEAST = 1.0  # of the box's own size: it does not lie on where it was going any more
DEVIATIONS = 8  # robust standard deviations
RETURN = 10  # frames within which a leap and its return are one fault
_COMPANY = 5  # objects in view that show how the camera moves
_UNSTEADY = 0.02  # of the box's size: the least unsteadiness that a hand is granted


@dataclass(frozen=True)
class _Steps:
    """From each row to the next of the same object."""

    start: Codes  # the row that it begins at; the next row ends it
    surprise: Floats  # (steps, 2) pixels a frame between where the box came to lie and was going
    limit: Floats  # pixels up to which that is nothing to look at

    @property
    def length(self) -> Floats:
        return np.hypot(self.surprise[:, 0], self.surprise[:, 1])


def jumps(trails: Trails) -> list[Fault]:
    """Return one fault for each leap; a leap and its return within RETURN frames are one.

    A step is a leap when the box comes to lie farther from where it was going, for each frame that passes,
    than LEAST of its own size and than DEVIATIONS times the usual. Where it was going is the median velocity
    of the REACH steps before and after, and what most objects in view did in the same step beside theirs: the
    camera's own motion. The usual is the median absolute deviation of those distances, of the object or of
    the job, whichever is larger: the rule of Hampel's identifier (Pearson, "Outliers in process modeling and
    identification", 2002). Of two objects that leap in the same frame, each to where the other was going,
    either has taken the other's place. The score is the leap in sizes of the box.
    """
    steps = _steps(trails)
    length = steps.length
    leaps = np.flatnonzero(length > steps.limit)
    partners = _partners(trails, steps, leaps)
    size, found, returned = trails.size, [], -1
    for place, leap in enumerate(leaps.tolist()):
        if leap == returned:
            continue
        row = int(steps.start[leap]) + 1
        last = row
        name, pixels = trails.name(row), f"{length[leap]:.0f} pixels"
        if leap in partners:
            detail = (
                f"{name} takes the place of {trails.name(partners[leap])} from this frame on, {pixels} away"
            )
        else:
            detail = f"{name} leaps {pixels} from one frame to the next"
            back = int(leaps[place + 1]) if place + 1 < leaps.size else leap
            if _returns(trails, steps, leap, back):
                returned, last = back, int(steps.start[back])
                count = int(trails.tick[last + 1] - trails.tick[row])
                detail = f"{name} leaps {pixels} away and is back {count} frame{'s' * (count > 1)} later"
        found.append(
            Fault(
                JUMP,
                round(float(length[leap] / min(size[row], size[row - 1])), 2),
                f"{detail}; its own motion and the scene's account for {steps.limit[leap]:.0f} at most",
                item=int(trails.item[row]),
                frame_no=int(trails.frame[row]),
                frame_end=int(trails.frame[last]),
                label=int(trails.row[row]),
            )
        )
    return found


def _steps(trails: Trails) -> _Steps:
    start = np.flatnonzero(trails.goes_on)
    centre, size, end = trails.centre, trails.size, start + 1
    time = (trails.tick[end] - trails.tick[start])[:, None]
    velocity = np.full((trails.row.size, 2), np.nan)  # of the step that begins at each row
    velocity[start] = (centre[end] - centre[start]) / time
    usual = np.stack([around(trails, velocity[:, axis], REACH) for axis in (0, 1)], axis=1)
    surprise = velocity[start] - usual[start]
    # A camera that is pushed moves everything in the same step.
    moment = dense(trails.item[start], trails.tick[start])
    shared = np.stack([medians(moment, surprise[:, axis]) for axis in (0, 1)], axis=1)[moment]
    surprise = surprise - np.where(np.bincount(moment)[moment][:, None] >= _COMPANY, shared, 0)
    least = np.minimum(size[start], size[end])
    length = np.hypot(surprise[:, 0], surprise[:, 1]) / least
    own = medians(trails.track[start], length)[trails.track[start]] if start.size else length
    every = float(np.median(length)) if start.size else 0.0
    unsteady = 1.4826 * np.maximum(np.maximum(own, every), _UNSTEADY)
    return _Steps(start, surprise, least * np.maximum(LEAST, DEVIATIONS * unsteady))


def _returns(trails: Trails, steps: _Steps, leap: int, back: int) -> bool:
    """Return whether the leap `back` undoes `leap`: soon, same object, as far back."""
    there, here = int(steps.start[leap]), int(steps.start[back]) + 1
    if back == leap or trails.track[there] != trails.track[here]:
        return False
    left = np.hypot(*(steps.surprise[leap] + steps.surprise[back]))
    return bool(trails.tick[here] - trails.tick[there] <= RETURN + 1 and left < steps.length[leap] / 2)


def _partners(trails: Trails, steps: _Steps, leaps: Codes) -> dict[int, int]:
    """Return for leaps in which two objects trade places the row where the other one came from."""
    moments: dict[tuple[int, int], list[int]] = {}
    for leap in leaps.tolist():
        end = int(steps.start[leap]) + 1
        moments.setdefault((int(trails.item[end]), int(trails.tick[end])), []).append(leap)
    centre, found = trails.centre, {}
    for group in moments.values():
        ends = steps.start[np.array(group)] + 1
        going = centre[ends] - steps.surprise[np.array(group)]
        apart = np.hypot(*(centre[ends][:, None] - going[None]).transpose(2, 0, 1))
        limit = steps.limit[np.array(group)]
        close = apart < limit[:, None]
        close &= close.T
        for i, j in zip(*np.nonzero(close), strict=True):
            if i != j:
                found[group[i]] = int(steps.start[group[j]])
    return found
