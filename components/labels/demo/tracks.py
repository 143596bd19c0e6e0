"""Tracks of a sequence: as a worker draws them, an auditor changes them, a file has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brume.labels.demo.scene import HEIGHT, WIDTH, Seen
from brume.labels.demo.workforce import Worker, uuid

_KEYFRAME = 5  # frames between those that a worker sets by hand; the tool interpolates the rest
_MISTAKEN = {"Car": "Van", "Van": "Truck", "Truck": "Bus", "Bus": "Truck", "Motorcycle": "Car"}


@dataclass
class Track:
    """One object as labelled: whole pixels [frames, 4] as left, top, width, height, and where it is drawn.

    `changes` holds, by frame, the attributes that differ there. `seen` is the number of the vehicle in the
    scene, -1 for a track of nothing.
    """

    object_id: str
    object_name: str
    boxes: NDArray[np.int64]
    shown: NDArray[np.bool_]
    attributes: dict[str, str]
    seen: int
    changes: dict[int, dict[str, str]] = field(default_factory=dict)


def draw(scene: Sequence[Seen], worker: Worker, rng: np.random.Generator) -> list[Track]:
    """Return a worker's tracks of a scene: jitter between keyframes, late starts, some vehicles missed."""
    sloppy = worker.role == "sloppy"
    frames = len(scene[0].shown)
    sizes = np.array([vehicle.boxes[:, 2].max() for vehicle in scene])
    jitter = worker.jitter * (0.35 + 0.008 * sizes) * (3 if sloppy else 1)
    keys = np.arange(0, frames + _KEYFRAME, _KEYFRAME)
    noise = rng.normal(size=(len(scene), len(keys), 4)) * jitter[:, None, None]
    spread = np.array([np.interp(np.arange(frames), keys, unit) for unit in np.eye(len(keys))])
    noise = np.einsum("tkc,kf->tfc", noise, spread)
    if sloppy:  # the boxes hang behind to one side
        noise[:, :, 0] += 0.1 * sizes[:, None]
    missed = rng.random(len(scene)) < (0.1 if sloppy else 0.02)
    late = rng.integers(0, 3, len(scene))
    wrong = rng.random(len(scene)) < worker.errors
    tracks: list[Track] = []
    for number, vehicle in enumerate(scene):
        shown = vehicle.shown.copy()
        first = int(np.argmax(shown))
        if first > 0:
            shown[first : first + int(late[number])] = False
        if missed[number] or not shown.any():
            continue
        kind = _MISTAKEN[vehicle.kind] if wrong[number] else vehicle.kind
        attributes = {"moving": "Moving" if vehicle.moving else "Parked", "vehicle_type": kind}
        tracks.append(_track(len(tracks) + 1, vehicle.boxes + noise[number], shown, attributes, number, rng))
    if sloppy:
        box = [rng.uniform(100, 1000), rng.uniform(60, 140), 44.0, 16.0]
        attributes = {"moving": "Parked", "vehicle_type": "Car"}
        nothing = np.tile(box, (frames, 1))
        tracks.append(_track(len(tracks) + 1, nothing, np.ones(frames, bool), attributes, -1, rng))
    return tracks


def audit(
    scene: Sequence[Seen], tracks: Sequence[Track], auditor: Worker, rng: np.random.Generator
) -> tuple[list[Track], int]:
    """Return the tracks after an audit, and how many of them it rejected, removed or added.

    The auditor keeps what is right as it is, to the pixel; sets right boxes that lie beside the vehicle and a
    wrong type, and rejects the track for it; removes tracks of nothing; adds vehicles that were missed.
    """
    good = {track.seen: track for track in draw(scene, auditor, rng)}
    audited: list[Track] = []
    touched = 0
    for track in tracks:
        if track.seen < 0:
            touched += 1
            continue
        truth = scene[track.seen]
        boxes, attributes, verdict = track.boxes, dict(track.attributes), "Accept"
        overlap = _overlap(boxes[track.shown], truth.boxes[track.shown]).mean()
        fussy = rng.random() < 0.03
        if (overlap < 0.7 or fussy) and track.seen in good:
            shared = (track.shown & good[track.seen].shown)[:, None]
            boxes, verdict = np.where(shared, good[track.seen].boxes, boxes), "Reject"
        if attributes["vehicle_type"] != truth.kind:
            attributes["vehicle_type"], verdict = truth.kind, "Reject"
        touched += verdict == "Reject"
        attributes["audit"] = verdict
        audited.append(Track(track.object_id, track.object_name, boxes, track.shown, attributes, track.seen))
    known = {track.seen for track in tracks}
    for seen, track in good.items():
        if seen not in known and track.shown.sum() >= 8:
            touched += 1
            track.object_name = f"Vehicle:{len(tracks) + touched}"
            track.attributes["audit"] = "Accept"
            audited.append(track)
    return audited, touched


def frames_of(
    tracks: Sequence[Track], attributes: Sequence[Mapping[str, Any]], *, camel: bool = False
) -> list[dict[str, Any]]:
    """Return the frames of a sequence with their labels, as SeqLabel.json holds them.

    `attributes` are those of each frame. `camel` writes keys as some templates' answers do.
    """
    name = _camel if camel else str
    height, width, top, left = "height", "width", "top", "left"
    class_id, attributes_key = name("class-id"), name("label-category-attributes")
    object_id, object_name = name("object-id"), name("object-name")
    frames: list[list[dict[str, Any]]] = [[] for _ in attributes]
    for track in tracks:
        boxes = track.boxes.tolist()
        for frame in np.flatnonzero(track.shown).tolist():
            box = boxes[frame]
            change = track.changes.get(frame)
            frames[frame].append(
                {
                    height: box[3],
                    width: box[2],
                    top: box[1],
                    left: box[0],
                    class_id: "0",
                    attributes_key: {**track.attributes, **change} if change else track.attributes,
                    object_id: track.object_id,
                    object_name: track.object_name,
                }
            )
    return [
        {
            "annotations": labels,
            name("frame-no"): str(number),
            "frame": f"frame_{number:04d}.jpeg",
            name("frame-attributes"): dict(attributes[number]),
        }
        for number, labels in enumerate(frames)
    ]


def label_count(tracks: Sequence[Track]) -> int:
    """Return how many labels the tracks have over all frames."""
    return int(sum(track.shown.sum() for track in tracks))


def _track(
    number: int,
    boxes: NDArray[np.float64],
    shown: NDArray[np.bool_],
    attributes: dict[str, str],
    seen: int,
    rng: np.random.Generator,
) -> Track:
    left = np.clip(np.rint(boxes[:, 0]), 0, WIDTH - 4)
    top = np.clip(np.rint(boxes[:, 1]), 0, HEIGHT - 4)
    right = np.clip(np.rint(boxes[:, 0] + boxes[:, 2]), left + 4, WIDTH)
    bottom = np.clip(np.rint(boxes[:, 1] + boxes[:, 3]), top + 4, HEIGHT)
    whole = np.column_stack([left, top, right - left, bottom - top]).astype(np.int64)
    return Track(uuid(rng), f"Vehicle:{number}", whole, shown, attributes, seen)


def _overlap(boxes: NDArray[Any], others: NDArray[Any]) -> NDArray[np.float64]:
    """Return the intersection over union of boxes [n, 4] and [n, 4], pair by pair."""
    corner = np.maximum(boxes[:, :2], others[:, :2])
    end = np.minimum(boxes[:, :2] + boxes[:, 2:], others[:, :2] + others[:, 2:])
    shared = np.clip(end - corner, 0, None).prod(axis=1)
    union = boxes[:, 2:].prod(axis=1) + others[:, 2:].prod(axis=1) - shared
    return np.asarray(shared / union, np.float64)


def _camel(key: str) -> str:
    first, *rest = key.split("-")
    return first + "".join(part.capitalize() for part in rest)
