"""The known content of a generated tree: people, counts by job, and planted faults."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class User:
    """One user as the Cognito pool of the workforce knows them; `listed` is false for who is not in it."""

    sub: str
    worker_id: str
    name: str
    email: str  # "" for a user without one
    team: str
    role: str  # "" for an ordinary worker; see `workforce.ROLES`
    listed: bool = True


@dataclass(frozen=True)
class Fault:
    """One planted fault and where it is; what does not apply is None.

    `kind` is that of `schema.findings` where a finding answers for it. `frame_end` is the last frame, itself
    included. `file` is a path below the tree, `line` counts from 1, `answer` from 0.
    """

    kind: str
    detail: str
    modality: str = ""
    job: str = ""
    item: int | None = None
    frame_no: int | None = None
    frame_end: int | None = None
    object: str | None = None
    object_name: str | None = None
    worker: str | None = None
    file: str | None = None
    line: int | None = None
    answer: int | None = None


@dataclass(frozen=True)
class JobTruth:
    """One job, and the counts that any reader of the tree must find.

    An item is `labelled` by its line in the manifest, or by its SeqLabel.json in a job without a manifest.
    """

    modality: str
    batch: str
    level: str
    job: str
    type: str
    status: str  # Completed, Failed, Stopped, InProgress, Incomplete
    reason: str
    described: bool  # whether a description of it lies in the tree
    files: int  # JSON and manifest files below the job's folder, whatever they hold
    items: int
    labelled: int
    failed: int
    expired: int
    missing: int
    answers: int
    frames: int  # of readable consolidated sequences
    labels: int  # consolidated; a mask counts one for each class drawn
    answer_labels: int
    workers: int


@dataclass(frozen=True)
class Truth:
    """A whole tree. `annotations` counts consolidated and answered labels together."""

    size: str
    seed: int
    code: str  # digest of the generator that wrote it
    pool: str  # id of the Cognito user pool
    issuer: str
    files: int
    annotations: int
    labels: int
    answer_labels: int
    jobs: tuple[JobTruth, ...]
    faults: tuple[Fault, ...]
    users: tuple[User, ...]
    ignored: tuple[str, ...]  # files that look like output and are none

    def of(self, kind: str) -> list[Fault]:
        """Return the planted faults of one kind."""
        return [fault for fault in self.faults if fault.kind == kind]

    def job(self, name: str) -> JobTruth:
        """Return the job of that name. Raises `KeyError` when there is none."""
        for job in self.jobs:
            if job.job == name:
                return job
        raise KeyError(f"the tree has no job {name!r}")

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what `save` wrote. Raises `OSError`, `ValueError` or `TypeError` for anything else."""
        record = json.loads(path.read_text("utf-8"))
        for name, kind in (("jobs", JobTruth), ("faults", Fault), ("users", User)):
            record[name] = tuple(kind(**row) for row in record[name])
        record["ignored"] = tuple(record["ignored"])
        return cls(**record)
