"""Simulated traffic on a road of six lanes, and cars parked at its far kerb.

The camera stands at the roadside and looks across, so that a lane is a line of the picture with its own
scale. Vehicles of a lane keep their distance; they come in at one edge of the frame and leave at the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 720  # pixels

# Length and height in metres, share of the traffic.
KINDS = {
    "Car": (4.4, 1.5, 0.58),
    "Van": (5.3, 2.2, 0.16),
    "Truck": (8.6, 3.2, 0.13),
    "Bus": (11.8, 3.1, 0.06),
    "Motorcycle": (2.1, 1.5, 0.07),
}
# Ground line in pixels from the top, pixels a metre, direction of travel.
LANES = ((262, 10.5, -1), (312, 13.0, -1), (372, 16.0, -1), (452, 19.5, 1), (540, 23.5, 1), (648, 28.0, 1))
_KERB = (222, 9.5)
_SPACING = 26.0  # metres between vehicles of a lane, beyond the gap that all keep
_GAP = 9.0


@dataclass(frozen=True)
class Seen:
    """One vehicle: float boxes [frames, 4] as left, top, width, height in pixels, and where it is in view."""

    kind: str
    moving: bool
    boxes: NDArray[np.float64]
    shown: NDArray[np.bool_]


def film(rng: np.random.Generator, frames: int) -> list[Seen]:
    """Return the vehicles of a sequence of so many frames, ten a second."""
    seen = [_parked(rng, slot, frames) for slot in rng.permutation(9)[: rng.integers(2, 6)]]
    time = np.arange(frames)
    for ground, scale, direction in LANES:
        speed = rng.uniform(0.45, 1.0)  # metres a frame
        sway = 1 + 0.12 * np.sin(time / rng.uniform(15, 40) + rng.uniform(0, 6))
        path = np.cumsum(speed * sway)
        place = -WIDTH / scale - rng.uniform(0, _SPACING)
        while place < path[-1]:
            kind = _kind(rng)
            length, height, _ = KINDS[kind]
            length, height = length * rng.uniform(0.92, 1.08), height * rng.uniform(0.94, 1.06)
            tail = (path - place - length) * scale
            left = tail if direction > 0 else WIDTH - tail - length * scale
            drift = 0.25 * scale * np.sin(time / rng.uniform(20, 50) + rng.uniform(0, 6))
            top = ground + drift - height * scale
            full = np.column_stack(
                [left, top, np.full(frames, length * scale), np.full(frames, height * scale)]
            )
            vehicle = _in_view(kind, True, full)
            if vehicle.shown.any():
                seen.append(vehicle)
            place += length + _GAP + rng.gamma(2.0, _SPACING / 2)
    return seen


def until(seen: list[Seen], labels: int) -> list[Seen]:
    """Cut a sequence at the frame where so many boxes have been seen; who comes later is left out."""
    counts = np.cumsum(np.sum([vehicle.shown for vehicle in seen], axis=0))
    end = int(np.searchsorted(counts, labels)) + 1
    cut = [Seen(one.kind, one.moving, one.boxes[:end], one.shown[:end]) for one in seen]
    return [one for one in cut if one.shown.any()]


def grades(rng: np.random.Generator, frames: int, *, night: bool) -> list[str]:
    """Return how good each frame is: some sequences have a stretch that is blurred or obstructed."""
    quality = ["Dark" if night else "Good"] * frames
    if rng.random() < 0.45:
        length = int(rng.integers(2, max(3, frames // 3)))
        start = int(rng.integers(0, frames - length))
        quality[start : start + length] = [("Blurred", "Blurred", "Obstructed")[rng.integers(3)]] * length
    return quality


def _kind(rng: np.random.Generator) -> str:
    return list(KINDS)[
        int(np.searchsorted(np.cumsum([share for _, _, share in KINDS.values()]), rng.random()))
    ]


def _parked(rng: np.random.Generator, slot: int, frames: int) -> Seen:
    ground, scale = _KERB
    kind = ("Car", "Car", "Car", "Van")[rng.integers(4)]
    length, height, _ = KINDS[kind]
    left = 40 + 130 * slot + rng.uniform(0, 50)
    box = [left, ground - height * scale, length * scale, height * scale]
    return Seen(kind, False, np.tile(box, (frames, 1)), np.ones(frames, bool))


def _in_view(kind: str, moving: bool, full: NDArray[np.float64]) -> Seen:
    """Cut boxes at the frame's edges; a vehicle is labelled while a fifth of it is in view."""
    left, right = np.clip(full[:, 0], 0, WIDTH), np.clip(full[:, 0] + full[:, 2], 0, WIDTH)
    boxes = np.column_stack([left, full[:, 1], right - left, full[:, 3]])
    return Seen(kind, moving, boxes, right - left >= np.maximum(10.0, 0.2 * full[:, 2]))
