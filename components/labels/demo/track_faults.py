"""Faults in tracks: each function plants one and returns its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brume.labels.demo.scene import HEIGHT, WIDTH
from brume.labels.demo.tracks import Track


@dataclass(frozen=True)
class Planted:
    """What was done to which track in which frames, the last one itself included."""

    kind: str
    track: Track
    first: int
    last: int
    detail: str


_Plant = Callable[[list[Track]], Iterator[Planted]]


def plant(name: str, tracks: Sequence[Track], taken: set[str], rng: np.random.Generator) -> list[Planted]:
    """Plant the fault of that name in tracks that have none yet; `taken` grows by theirs.

    Only tracks of moving vehicles are used that are whole in view for a dozen frames.
    """
    able = [track for track in tracks if track.object_id not in taken and len(_whole(track)) >= 12]
    able = [track for track in able if track.attributes["moving"] == "Moving"]
    order = [able[number] for number in rng.permutation(len(able))]
    planted = list(_PLANTS[name](order))
    if not planted:
        raise RuntimeError(f"no track of {len(tracks)} can hold the fault {name!r}: choose another seed")
    taken.update(one.track.object_id for one in planted)
    return planted


def _whole(track: Track) -> NDArray[np.int64]:
    """Return the longest run of frames in which the track is drawn and touches no edge."""
    left, right = track.boxes[:, 0], track.boxes[:, 0] + track.boxes[:, 2]
    inside = track.shown & (left > 1) & (right < WIDTH - 1)
    runs = np.split(np.arange(len(inside)), np.flatnonzero(np.diff(inside.astype(int))) + 1)
    runs = [run for run in runs if inside[run[0]]]
    return np.asarray(max(runs, key=len) if runs else [], np.int64)


def _middle(track: Track, length: int) -> int:
    run = _whole(track)
    return int(run[(len(run) - length) // 2])


def _jump(tracks: list[Track]) -> Iterator[Planted]:
    track = tracks[0]
    frame = _middle(track, 1)
    left = int(track.boxes[frame, 0])
    leap = -420 if left > WIDTH // 2 else 420
    track.boxes[frame, 0] = np.clip(left + leap, 0, WIDTH - track.boxes[frame, 2])
    track.boxes[frame, 1] = (int(track.boxes[frame, 1]) + 250) % (HEIGHT - 120)
    yield Planted("jump", track, frame, frame, f"leaps {leap:+d} pixels sideways for one frame and returns")


def _swap(tracks: list[Track]) -> Iterator[Planted]:
    for number, one in enumerate(tracks):
        for other in tracks[number + 1 :]:
            shared = np.intersect1d(_whole(one), _whole(other))
            if len(shared) < 8:
                continue
            frame = int(shared[len(shared) // 2])
            if np.abs(one.boxes[frame, :2] - other.boxes[frame, :2]).sum() < 250:
                continue
            one.boxes[frame:], other.boxes[frame:] = other.boxes[frame:].copy(), one.boxes[frame:].copy()
            one.shown[frame:], other.shown[frame:] = other.shown[frame:].copy(), one.shown[frame:].copy()
            for track, partner in ((one, other), (other, one)):
                detail = f"takes the place of {partner.object_name} from this frame on"
                yield Planted("jump", track, frame, frame, detail)
            return


def _vanish(tracks: list[Track]) -> Iterator[Planted]:
    track = tracks[0]
    first = _middle(track, 5)
    track.shown[first : first + 5] = False
    yield Planted("vanish", track, first, first + 4, "is not drawn in mid-frame and comes back")


def _flicker(tracks: list[Track]) -> Iterator[Planted]:
    track = tracks[0]
    first = _middle(track, 9)
    track.shown[first : first + 9 : 2] = False
    yield Planted("flicker", track, first, first + 8, "is drawn in every other frame only")


def _flicker_attribute(tracks: list[Track]) -> Iterator[Planted]:
    track = tracks[0]
    first = _middle(track, 9)
    for frame in range(first, first + 9, 2):
        track.changes[frame] = {"moving": "Parked"}
    yield Planted("flicker", track, first, first + 8, "moving is Parked in every other frame")


def _outside(tracks: list[Track]) -> Iterator[Planted]:
    over, under = tracks[0], tracks[1]
    frame = _middle(over, 1)
    over.boxes[frame, 0] = WIDTH - over.boxes[frame, 2] // 2
    yield Planted("outside", over, frame, frame, f"reaches beyond the right edge at {WIDTH}")
    frame = _middle(under, 1)
    under.boxes[frame, 0] = -35
    yield Planted("outside", under, frame, frame, "begins 35 pixels left of the frame")


def _size(tracks: list[Track]) -> Iterator[Planted]:
    nothing, everything, giant = tracks[:3]
    frame = _middle(nothing, 1)
    nothing.boxes[frame, 2:] = 0
    yield Planted("size", nothing, frame, frame, "has no width and no height")
    frame = _middle(everything, 1)
    everything.boxes[frame] = (0, 0, WIDTH, HEIGHT)
    yield Planted("size", everything, frame, frame, "is as large as the frame")
    drawn = np.flatnonzero(giant.shown)
    giant.boxes[:, 2:] = (560, 430)
    giant.boxes[:, 0] = np.clip(giant.boxes[:, 0], 0, WIDTH - 560)
    giant.boxes[:, 1] = np.clip(giant.boxes[:, 1] - 200, 0, HEIGHT - 430)
    giant.attributes["vehicle_type"] = "Motorcycle"
    yield Planted("size", giant, int(drawn[0]), int(drawn[-1]), "a Motorcycle of 560 x 430 pixels throughout")


def _odd_type(tracks: list[Track]) -> Iterator[Planted]:
    track = tracks[0]
    first = _middle(track, 3)
    usual = track.attributes["vehicle_type"]
    odd = "Bus" if usual != "Bus" else "Car"
    for frame in range(first, first + 3):
        track.changes[frame] = {"vehicle_type": odd}
    detail = f"vehicle_type is {odd} in three frames and {usual} in all others"
    yield Planted("label error", track, first, first + 2, detail)


_PLANTS: dict[str, _Plant] = {
    "jump": _jump,
    "swap": _swap,
    "vanish": _vanish,
    "flicker": _flicker,
    "flicker attribute": _flicker_attribute,
    "outside": _outside,
    "size": _size,
    "odd type": _odd_type,
}
NAMES = frozenset(_PLANTS)
