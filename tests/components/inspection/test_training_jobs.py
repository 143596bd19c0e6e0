"""How the engine acts on the state of a training's job; a double stands for the jobs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from brume import storage
from brume.aws.engine.store import Store
from brume.cluster import jobs
from brume.cluster.jobs import Job, JobError, JobState
from brume.cluster.resources import Resources
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.tables import SCHEMA, models, projects
from brume.inspection.engine.training_files import RESULT
from brume.inspection.engine.training_jobs import TrainingJobs
from tests.polling import until

SHARE = Resources(cpu="700m", memory="3Gi")


class Jobs:
    """A double of `brume.cluster.jobs`: the test sets the job's state."""

    def __init__(self) -> None:
        self.state = JobState("absent")
        self.started: list[Job] = []
        self.stopped = 0
        self.refuses = False
        self.refused = 0

    def look(self, _name: str, _folder: str) -> JobState:
        return self.state

    def start(self, job: Job) -> None:
        self.state = JobState("running")
        self.started.append(job)  # last: `until` looks at it, and the test sets the state after that

    def stop(self, _name: str, _folder: str) -> None:
        if self.refuses:
            self.refused += 1
            raise JobError("the cluster is away")
        self.stopped += 1
        self.state = JobState("absent")


class Training:
    """A requested training, and the engine's thread that watches it."""

    def __init__(self, data: Path, double: Jobs) -> None:
        self.data, self.double = data, double
        self.store = Store("", data, SCHEMA)
        with self.store.write() as db:
            owner = {"account": "1", "region": "r"}
            db.execute(insert(projects).values(id="p", name="plates", created=0, versions=1, **owner))
            row = {"status": "TRAINING", "message": "", "created": 0, "attempts": 0, "url": ""}
            place = {"output_bucket": "b", "output_prefix": ""}
            db.execute(insert(models).values(project="p", version=1, **row, **place))
        self.trainings = TrainingJobs(self.store, Locations(str(data)), SHARE, str(data))
        self.trainings.start()

    def row(self) -> Any:
        with self.store.read() as db:
            return db.execute(select(models)).one()

    def until(self, *, status: str = "TRAINING", message: str = "", started: int = 0) -> Any:
        """Wait until the row is so and the job was started so often, and return the row."""

        def reached() -> Any:
            row = self.row()
            if row.status == status and message in row.message and len(self.double.started) >= started:
                return row
            self.trainings.wake()
            return None

        return until(reached, lambda: str(self.row()))


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Training]:
    double = Jobs()
    monkeypatch.setattr(jobs, "state", double.look)
    monkeypatch.setattr(jobs, "start", double.start)
    monkeypatch.setattr(jobs, "stop", double.stop)
    made = Training(tmp_path, double)
    made.until(started=1)
    yield made
    made.trainings.close()
    made.store.close()


def test_its_job_gets_the_share_of_the_engine(training: Training) -> None:
    assert [job.resources for job in training.double.started] == [SHARE]


def test_what_a_job_waits_for_is_told(training: Training) -> None:
    training.double.state = JobState("running", "pod x: no node can take it")
    training.until(message="the job waits: pod x: no node can take it")


def test_a_job_that_failed_is_tried_once_more(training: Training) -> None:
    training.double.state = JobState("failed", "it ended with code 1")
    training.until(started=2)
    training.double.state = JobState("failed", "it ended with code 2")
    row = training.until(status="TRAINING_FAILED")
    assert row.message == "the training was started 2 times: it ended with code 2"
    assert training.double.stopped == 1


def test_a_hopeless_job_is_not_tried_again(training: Training) -> None:
    training.double.state = JobState("failed", "pod x: OOMKilled", hopeless=True)
    row = training.until(status="TRAINING_FAILED")
    assert row.message == "the training was started once: pod x: OOMKilled"
    assert len(training.double.started) == training.double.stopped == 1


def test_a_training_ends_when_its_job_is_gone(training: Training) -> None:
    """Nobody would ever look at it again."""
    training.double.refuses = True
    result = {"status": "TRAINING_FAILED", "message": "no picture can be used"}
    (training.data / "models/p/1" / RESULT).write_text(json.dumps(result))
    training.double.state = JobState("succeeded")

    def tried_again() -> bool:
        training.trainings.wake()
        return training.double.refused >= 2

    until(tried_again, "the engine tries to remove the job again")
    assert training.row().status == "TRAINING"
    training.double.refuses = False
    training.until(status="TRAINING_FAILED", message="no picture can be used")
    assert training.double.stopped == 1


def test_the_training_program_needs_no_database() -> None:
    """It runs in a pod of its own: state is the engine's alone."""
    code = "import sys, brume.inspection.engine.training_program as _; print('sqlalchemy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_a_picture_that_cannot_be_reached_fails_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is missing is left out; with one left out by an outage the model would be another."""
    from brume.inspection.engine import training_program
    from brume.inspection.engine.locations import Locations
    from brume.inspection.model.manifest import parse_line, write_line
    from brume.inspection.model.samples import TrainingError

    reader = training_program._Reader(Locations(str(tmp_path), {"s3://b/": f"{tmp_path}/"}), "p", tmp_path)
    lines = [parse_line(write_line("s3://b/missing.png", False, 0, "job"))]
    assert reader.read(lines) == []
    assert [item["source-ref"] for item in reader.unusable] == ["s3://b/missing.png"]

    def failing(uri: str) -> bytes:
        raise PermissionError(13, "Permission denied", uri)

    monkeypatch.setattr(storage, "read_bytes", failing)
    with pytest.raises(TrainingError, match=r"s3://b/missing\.png cannot be reached.*train again"):
        reader.read(lines)
