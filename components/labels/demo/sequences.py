"""Jobs on sequences of frames: tracking, its audit, and detection of vehicles or lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import orjson

from brume.labels.demo import lanes, manifests, track_faults
from brume.labels.demo.job_plan import PASS_LABELS, Job
from brume.labels.demo.output_tree import Answer, Session, Studio
from brume.labels.demo.scene import Seen, film, grades, until
from brume.labels.demo.tracks import Track, audit, draw, frames_of, label_count

_SEQUENCES = "tracking-annotations", "detection-annotations"


@dataclass(frozen=True)
class Labelled:
    """A sequence after its first level: what was seen, what was drawn, and its manifest line."""

    scene: list[Seen]
    quality: list[str]  # of each frame
    tracks: list[Track]
    line: dict[str, Any]


Shelf = dict[str, list[Labelled]]  # by job


def write(studio: Studio, job: Job, shelf: Shelf) -> None:
    """Write a job on sequences; tracking is put on the shelf, from where its audit takes it."""
    session = Session(studio, job)
    for item in range(job.finished):
        if job.reviews:
            _audit(session, item, shelf[job.reviews][item])
        elif job.name == "lanes":
            _lanes(session, item)
        else:
            shelf.setdefault(job.name, []).append(_tracks(session, item))
    if job.status in ("Failed", "Incomplete") and job.finished:
        # What workers had sent in when the job ended was never consolidated.
        *_, answers = _drawn(session, job.finished)
        session.respond(job.finished, answers)
    session.finish()


def _tracks(session: Session, item: int) -> Labelled:
    scene, quality, tracks, answers = _drawn(session, item)
    complete = session.respond(item, answers)
    (consolidated,) = answers[0].content.values()
    frames = consolidated["frameData"]["entries"]
    line = _consolidate(session, item, frames, len(quality), label_count(tracks), complete, {})
    return Labelled(scene, quality, tracks, line)


def _drawn(session: Session, item: int) -> tuple[list[Seen], list[str], list[Track], list[Answer]]:
    """Return a scene, the quality of its frames, the tracks of the first answer, and all answers."""
    job, rng = session.job, session.rng
    target = PASS_LABELS[session.studio.size]
    scene = until(film(rng, target // 6), target)
    quality = grades(rng, len(scene[0].shown), night="night" in job.name)
    occluded = rng.random(len(scene)) < 0.3
    answers: list[Answer] = []
    first: list[Track] = []
    for worker in session.shifts.take(job.workers):
        tracks = draw(scene, worker, rng)
        if job.late_key is not None and item >= job.late_key:
            for track in tracks:
                track.attributes["occluded"] = "Partly" if occluded[track.seen] else "No"
        if not answers:
            first = tracks
            _plant(session, item, first)
        frames = frames_of(tracks, _frame_attributes(job, quality, tracks))
        key = "trackingAnnotations"
        if job.modality == "VideoObjectDetection":
            key, frames = "detectionAnnotations", _without_objects(frames)
        # Written once: the first answer's frames are the consolidated ones too.
        content = {key: {"frameData": {"entries": orjson.Fragment(orjson.dumps(frames))}}}
        answers.append(Answer(worker, content, label_count(tracks)))
    return scene, quality, first, answers


def _plant(session: Session, item: int, tracks: list[Track]) -> None:
    taken: set[str] = set()
    for name in session.job.faults.get(item, ()):
        if name not in track_faults.NAMES:
            continue
        for planted in track_faults.plant(name, tracks, taken, session.rng):
            session.fault(
                planted.kind,
                planted.detail,
                item=item,
                frame_no=planted.first,
                frame_end=planted.last,
                object=planted.track.object_id,
                object_name=planted.track.object_name,
                file=_seq_label(session, item),
            )


def _audit(session: Session, item: int, before: Labelled) -> None:
    (auditor,) = session.shifts.take(1)
    tracks, touched = audit(before.scene, before.tracks, auditor, session.rng)
    frames = orjson.Fragment(
        orjson.dumps(frames_of(tracks, _frame_attributes(session.job, before.quality, tracks)))
    )
    content = {"trackingAnnotations": {"frameData": {"entries": frames}}}
    complete = session.respond(item, [Answer(auditor, content, label_count(tracks))])
    status = {"adjustment-status": "adjusted" if touched else "unadjusted"}
    _consolidate(
        session, item, frames, len(before.quality), label_count(tracks), complete, status, before.line
    )


def _lanes(session: Session, item: int) -> None:
    job, rng = session.job, session.rng
    count = PASS_LABELS[session.studio.size] // 8
    road = lanes.road(rng)
    answers = []
    frames: list[dict[str, Any]] = []
    for worker in session.shifts.take(job.workers):
        drawn = lanes.draw(road, count, worker, rng)
        frames = frames or lanes.frames_of(drawn)
        entries = lanes.frames_of(drawn, camel=True)
        content = {"detectionAnnotations": {"frameData": {"entries": entries}}}
        answers.append(Answer(worker, content, sum(len(lines) for lines in drawn)))
    complete = session.respond(item, answers)
    _consolidate(session, item, frames, count, answers[0].labels, complete, {})


def _consolidate(
    session: Session,
    item: int,
    frames: Any,
    count: int,
    labels: int,
    complete: datetime,
    status: dict[str, str],
    earlier: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write SeqLabel.json and the item's manifest line; returns the line."""
    job, where = session.job, f"annotations/consolidated-annotation/output/{item}/SeqLabel.json"
    data = orjson.dumps({_SEQUENCES[job.modality == "VideoObjectDetection"]: frames})
    if "cut" in job.faults.get(item, ()):
        data = data[: len(data) * 3 // 4]
        session.fault(
            "truncated", "is a SeqLabel.json that breaks off", item=item, file=_seq_label(session, item)
        )
    else:
        session.counts.frames += count
        session.counts.labels += labels
    session.write(where, data)
    _note_drift(session, item)
    if item == 0:
        # What Ground Truth leaves of its own work; the labels stand in it a second time.
        session.write(f"annotations/intermediate/{item}/SeqLabel.json", data, ignored=True)
    created = complete + timedelta(seconds=float(session.rng.uniform(60, 400)))
    classes = lanes.CLASSES if job.name == "lanes" else ("Vehicle",)
    described = manifests.metadata(
        job, created, **{"class-map": {str(number): name for number, name in enumerate(classes)}}, **status
    )
    reviewed = job.reviews or job.name
    clip = f"{manifests.BUCKET}/clips/{job.batch}/{manifests.plain(reviewed)}/{item:04d}/sequence.json"
    reference = f"{manifests.BUCKET}/{session.job.folder}/{where}"
    earlier = {key: value for key, value in (earlier or {}).items() if key != "source-ref"}
    line = manifests.line(job, {"source-ref": clip}, reference, described, earlier)
    session.manifest_line(item, line, "labelled", created)
    return line


def _seq_label(session: Session, item: int) -> str:
    return f"{session.job.folder}/annotations/consolidated-annotation/output/{item}/SeqLabel.json"


def _note_drift(session: Session, item: int) -> None:
    """Note what records look like from here on, where it is not as before."""
    job, file = session.job, _seq_label(session, item)
    if item == job.late_key:
        session.fault(
            "appeared",
            "a label attribute, in the last files of the job",
            item=item,
            object="occluded",
            file=file,
        )
    if job.new_keys and item == 0:
        for kind, key, detail in (
            ("vanished", "quality_of_the_frame", "a frame attribute, now called frame_quality"),
            ("appeared", "frame_quality", "a frame attribute, until now called quality_of_the_frame"),
            ("changed type", "number_of_vehicles", "a frame attribute, until now a number and now a string"),
        ):
            session.fault(kind, detail, item=item, object=key, file=file)


def _frame_attributes(job: Job, quality: Sequence[str], tracks: Sequence[Track]) -> list[dict[str, Any]]:
    """Return each frame's attributes: how many vehicles are drawn in it, and its quality."""
    counts = [int(count) for count in np.sum([track.shown for track in tracks], axis=0)]
    rows = zip(counts, quality, strict=True)
    if job.new_keys:
        return [{"number_of_vehicles": str(count), "frame_quality": grade} for count, grade in rows]
    return [{"number_of_vehicles": count, "quality_of_the_frame": grade} for count, grade in rows]


def _without_objects(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return frames of a detection job, whose labels belong to no object."""
    for frame in frames:
        for label in frame["annotations"]:
            del label["object-id"], label["object-name"]
    return frames
