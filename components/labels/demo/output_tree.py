"""Write the output tree: every file, the workers' times, and the counts of the truth."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from brume.labels.demo import manifests
from brume.labels.demo.job_plan import Job, Size
from brume.labels.demo.truth import Fault, JobTruth
from brume.labels.demo.workforce import ISSUER, Roster, Shifts, Worker, workforce
from brume.labels.demo.working_hours import DAY, Clock, moment, stamp

# Usual seconds for one label.
_SECONDS = {
    "VideoObjectTracking": 0.8,
    "VideoObjectTrackingAudit": 0.35,
    "VideoObjectDetection": 1.6,
    "ImageClassification": 5.0,
    "BoundingBox": 8.0,
    "SemanticSegmentation": 55.0,
    "Polylines": 14.0,
    "TextClassification": 9.0,
    "NamedEntityRecognition": 7.0,
}
_IDLE = 3.4 * 3600
_BACKWARDS = timedelta(seconds=95)

# Faults of a worker response; those of one answer lie in that of an ordinary worker.
_OF_ONE = {
    "idle": ("idle", f"{_IDLE / 3600:.1f} hours open for one label"),
    "no metadata": ("no metadata", "has no workerMetadata: known by its workerId alone"),
    "no worker": ("no worker", "has neither workerMetadata nor workerId"),
    "backwards": ("backwards", "was submitted before it was accepted"),
}
_OF_ANSWERS = {
    **_OF_ONE,
    "no answers": ("no answers", "holds an empty list of answers"),
    "cut answers": ("truncated", "is a worker response that breaks off"),
}


def stream(seed: int, *name: str) -> np.random.Generator:
    """Return random numbers of their own for a part of the tree, the same on every machine."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32("/".join(name).encode())]))


@dataclass(frozen=True)
class Answer:
    """What one worker answered, and how many labels that is; content may be an `orjson.Fragment`."""

    worker: Worker
    content: Any
    labels: int


class Tree:
    """Files below a folder; JSON and manifests are counted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: set[Path] = set()
        self.files: dict[str, int] = {}  # by the folder of their job
        self.ignored: list[str] = []

    def write(self, job: str, name: str, data: bytes, *, ignored: bool) -> str:
        """Write a file into a job's folder; returns its path below the tree.

        `ignored` marks one that no reader should take for output.
        """
        path = f"{job}/{name}"
        target = self._root / path
        if target.parent not in self._folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(target.parent)
        target.write_bytes(data)
        if path.endswith((".json", ".manifest")):
            self.files[job] = self.files.get(job, 0) + 1
        if ignored:
            self.ignored.append(path)
        return path


@dataclass
class Counts:
    """What a reader of one job comes to."""

    answers: int = 0
    frames: int = 0
    labels: int = 0
    answer_labels: int = 0
    workers: set[str] = field(default_factory=set)
    states: dict[int, str] = field(default_factory=dict)  # of items with a readable manifest line


class Studio:
    """All that the jobs of one tree share."""

    def __init__(self, root: Path, size: Size, seed: int) -> None:
        self.size, self.seed = size, seed
        self.tree, self.clock = Tree(root), Clock()
        self.workers = workforce(stream(seed, "people"))
        self.roster = Roster(self.workers, stream(seed, "roster"))
        self.faults: list[Fault] = []
        self.jobs: list[JobTruth] = []


class Session:
    """One job being written."""

    def __init__(self, studio: Studio, job: Job) -> None:
        self.studio, self.job = studio, job
        self.rng = stream(studio.seed, job.batch, job.name)
        roles = (*job.roles, "auditor") if job.reviews else job.roles
        self.shifts = Shifts(studio.roster.pool(job.pool, roles), self.rng)
        self.counts = Counts()
        self._lines: list[bytes] = []
        self._sent: list[str] = []  # the states of all lines, those that cannot be read included
        self.last_response = ""
        self.begun = moment(job.start * DAY)
        self._ends = [self.begun]

    def write(self, name: str, data: bytes, *, ignored: bool = False) -> str:
        """Write a file into the job's folder; returns its path below the tree."""
        return self.studio.tree.write(self.job.folder, name, data, ignored=ignored)

    def fault(self, kind: str, detail: str, **where: Any) -> None:
        """Note a planted fault of this job."""
        self.studio.faults.append(Fault(kind, detail, modality=self.job.modality, job=self.job.name, **where))

    def release(self, item: int) -> float:
        """Return when the task of a data object is there, in seconds of working days."""
        return (self.job.start + self.job.days * item / max(1, self.job.items)) * DAY

    def respond(self, item: int, answers: Sequence[Answer], iteration: int | None = None) -> datetime:
        """Write the response for a data object, with its planted faults; returns when it was complete."""
        job, faults = self.job, self.job.faults.get(item, ())
        if iteration is None:
            iteration = 1 if not job.first_iteration or item < job.first_iteration else 2
        if "no answers" in faults:
            answers = ()
        one = next((number for number, answer in enumerate(answers) if not answer.worker.role), 0)
        records = []
        for number, answer in enumerate(answers):
            spent = _IDLE if number == one and "idle" in faults else self._seconds(answer)
            accepted, submitted = self.studio.clock.answer(answer.worker, self.release(item), spent, self.rng)
            records.append(_record(answer, accepted, submitted, spent))
            self._ends.append(submitted)
        complete = max(
            (datetime.fromisoformat(record["submissionTime"]) for record in records),
            default=moment(self.release(item) + 3000),
        )
        keys = [answer.worker.sub for answer in answers]
        if answers:
            keys[one] = _spoil(records[one], keys[one], faults)
        data = orjson.dumps({"answers": records})
        if "cut answers" in faults:
            data = data[: int(len(data) * 0.6)]
        else:
            self.counts.answers += len(answers)
            self.counts.answer_labels += sum(answer.labels for answer in answers)
            self.counts.workers.update(keys)
        name = f"annotations/worker-response/iteration-{iteration}/{item}/{complete:%Y-%m-%d_%H:%M:%S}.json"
        path = self.write(name, data)
        for fault in (name for name in faults if name in _OF_ANSWERS):
            kind, detail = _OF_ANSWERS[fault]
            where = {"worker": keys[one], "answer": one} if fault in _OF_ONE else {}
            self.fault(kind, detail, item=item, file=path, **where)
        self.last_response = path
        return complete

    def manifest_line(
        self, item: int, record: Mapping[str, Any], state: str, created: datetime, labels: int = 0
    ) -> int:
        """Add a line to the output manifest; returns its number. `labels` are those in the line itself."""
        self._ends.append(created)
        data = orjson.dumps(record)
        if "broken line" in self.job.faults.get(item, ()):
            data = data[: len(data) // 2]
            self.fault(
                "manifest line",
                "is not JSON: cut in the middle",
                item=item,
                file=self.manifest_path,
                line=len(self._lines) + 1,
            )
        else:
            self.counts.states[item] = state
            self.counts.labels += labels if self._delivers else 0
        self._lines.append(data)
        self._sent.append(state)
        return len(self._lines)

    @property
    def manifest_path(self) -> str:
        """Return where the output manifest lies, below the tree."""
        return f"{self.job.folder}/manifests/output/output.manifest"

    def finish(self) -> None:
        """Write the manifest and the description of the job, and note its counts."""
        job, counts = self.job, self.counts
        own_files = job.modality.startswith("Video")
        states = list(counts.states.values()) if self._delivers or own_files else []
        if self._lines:
            # A copy of the manifest's beginning, as Ground Truth leaves it while it works.
            self.write("temp/output.manifest", b"\n".join(self._lines[:2]) + b"\n", ignored=True)
            if self._delivers:
                self.write("manifests/output/output.manifest", b"\n".join(self._lines) + b"\n")
        if job.described:
            described = manifests.description(
                job,
                created=self.begun,
                modified=max(self._ends),
                labelled=self._sent.count("labelled"),
                failed=len(self._sent) - self._sent.count("labelled"),
                as_number=job.name == "crossings",
            )
            self.write("labeling-job.json", orjson.dumps(described, option=orjson.OPT_INDENT_2))
        self.studio.jobs.append(
            JobTruth(
                modality=job.modality,
                batch=job.batch,
                level=job.level,
                job=job.name,
                type=manifests.TYPES[job.modality][0],
                status=job.status,
                reason=job.reason,
                described=job.described,
                files=self.studio.tree.files.get(job.folder, 0),
                items=job.items,
                labelled=states.count("labelled"),
                failed=states.count("failed"),
                expired=states.count("expired"),
                missing=job.items - len(states),
                answers=counts.answers,
                frames=counts.frames,
                labels=counts.labels,
                answer_labels=counts.answer_labels,
                workers=len(counts.workers),
            )
        )

    @property
    def _delivers(self) -> bool:
        """Return whether the job came as far as its output manifest."""
        return self.job.status not in ("Incomplete", "InProgress")

    def _seconds(self, answer: Answer) -> float:
        usual = _SECONDS[self.job.modality] * max(1, answer.labels)
        return float(usual * answer.worker.pace * np.exp(self.rng.normal(0, 0.25)))


def _spoil(record: dict[str, Any], worker: str, faults: Sequence[str]) -> str:
    """Plant faults in one answer; returns what its worker is known by then."""
    if "no metadata" in faults:
        del record["workerMetadata"]
        return str(record["workerId"])
    if "no worker" in faults:
        del record["workerMetadata"], record["workerId"]
        return "unknown"
    if "backwards" in faults:
        record["acceptanceTime"] = stamp(datetime.fromisoformat(record["submissionTime"]) + _BACKWARDS)
    return worker


def _record(answer: Answer, accepted: datetime, submitted: datetime, seconds: float) -> dict[str, Any]:
    return {
        "acceptanceTime": stamp(accepted),
        "submissionTime": stamp(submitted),
        "timeSpentInSeconds": round(seconds, 3),
        "workerId": answer.worker.user.worker_id,
        "answerContent": answer.content,
        "workerMetadata": {
            "identityData": {
                "identityProviderType": "Cognito",
                "issuer": ISSUER,
                "sub": answer.worker.sub,
            }
        },
    }
