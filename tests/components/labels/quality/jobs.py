"""A labelling job in a few words, as the tables of the lake that hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from brume.labels.model.lake import Lake
from brume.labels.model.quality.annotation_sets import AnnotationSets, build
from brume.labels.model.schema import TABLES

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
Label = dict[str, Any]


def box(left: float, top: float, width: float, height: float, **more: Any) -> Label:
    """Return a box; `more` are other columns of a label."""
    return {"kind": "box", "left": left, "top": top, "width": width, "height": height, **more}


def named(name: str) -> Label:
    """Return the class of a whole item."""
    return {"kind": "class", "class": name}


def track(name: str, boxes: Mapping[int, Sequence[float]], **more: Any) -> list[Label]:
    """Return an object's boxes (left, top, width, height) by frame."""
    return [
        box(*found, frame_no=frame, object_id=name, object_name=name, **more)
        for frame, found in boxes.items()
    ]


@dataclass
class Job:
    """What a job holds: consolidated labels by item, and answers as (item, worker, labels, seconds)."""

    job: str = "cars"
    modality: str = "VideoObjectTracking"
    level: str = "1"
    labels: Mapping[int, Sequence[Label]] = field(default_factory=dict)
    answers: Sequence[tuple[int, str, Sequence[Label], float | None]] = ()
    width: float | None = None
    height: float | None = None

    def tables(self) -> dict[str, pa.Table]:
        """Return the job's rows of each table of the lake."""
        where = {"modality": self.modality, "batch": "batch-1", "level": self.level, "job": self.job}
        answers, answer_labels = [], []
        for number, (item, worker, labels, seconds) in enumerate(self.answers):
            end = START + timedelta(hours=number)
            key = {**where, "item": item, "answer": 0, "worker": worker, "file": f"{self.job}/{number}.json"}
            count = sum(label["kind"] != "frame" for label in labels)
            times = {"seconds": seconds, "submitted": end, "labels": count}
            answers.append({**key, **times, "iteration": 1, "worker_id": worker})
            answer_labels += [{**key, **label} for label in labels]
        rows = {
            "labels": [
                {**where, "item": item, "file": f"{self.job}/{item}.json", **label}
                for item, labels in self.labels.items()
                for label in labels
            ],
            "frames": [
                {**where, "item": item, "frame_no": frame, "file": f"{self.job}/{item}.json"}
                for item, labels in self.labels.items()
                for frame in sorted({label["frame_no"] for label in labels if "frame_no" in label})
            ],
            "items": [
                {
                    **where,
                    "item": item,
                    "source": f"{item}.mp4",
                    "state": "labelled" if item in self.labels else "missing",
                    "width": self.width,
                    "height": self.height,
                }
                for item in sorted({*self.labels, *(answer[0] for answer in self.answers)})
            ],
            "answers": answers,
            "answer_labels": answer_labels,
            "jobs": [{**where, "status": "Completed"}],
        }
        return {name: pa.Table.from_pylist(some, TABLES[name].schema) for name, some in rows.items()}

    def sets(self) -> AnnotationSets:
        """Return the job as the comparisons take it."""
        tables = self.tables()
        frames = tables["frames"].select(["item", "frame_no", "attributes"])
        return build(tables["labels"], frames, tables["answers"], tables["answer_labels"])


def lake(folder: Path, *jobs: Job) -> Lake:
    """Write jobs to a lake."""
    made = Lake(str(folder / "lake"))
    parts = [
        made.write(name, table, () if name == "jobs" else (job.modality, job.job))
        for job in jobs
        for name, table in job.tables().items()
    ]
    made.commit(made.snapshot(), add=parts, remove=[])
    return made
