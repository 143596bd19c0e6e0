"""An engine that is killed at any moment, and started again on the same data."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.aws.processes import EngineProcess
from tests.components.inspection.parts import (
    BUCKET,
    OUTPUT,
    dataset_ready,
    line,
    model_at,
    photo,
    running,
    source,
    write_dataset,
)
from tests.polling import until

pytestmark = pytest.mark.slow


class Process(EngineProcess):
    """An engine as its own process, on ROOT/data."""

    def __init__(self, root: Path, env: dict[str, str] | None = None) -> None:
        folders = {
            BUCKET.removeprefix("s3://").removesuffix("/"): root / "pictures",
            "results": root / "results",
        }
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        super().__init__(root, "inspection", folders, environment=env)
        self.client = self.connect("lookoutvision")
        self.console = self.connect("brumeinspection")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


@contextlib.contextmanager
def engine(root: Path) -> Iterator[Process]:
    process = Process(root)
    try:
        yield process
    finally:
        process.stop()


def unusable(root: Path, client: Any, name: str) -> None:
    """Make a project whose training fails as soon as it reads the images."""
    (root / "pictures").mkdir(exist_ok=True)
    for number in range(12):
        (root / f"pictures/{number}.png").write_bytes(b"no picture")
    client.create_project(ProjectName=name)
    client.create_dataset(ProjectName=name, DatasetType="train")
    lines = [line(f"{BUCKET}{number}.png", False) for number in range(12)]
    client.update_dataset_entries(ProjectName=name, DatasetType="train", Changes="\n".join(lines))


def job_of(root: Path, before: int = 0) -> int:
    """Return the pid of the training that runs, once it is another than `before`."""

    def running() -> int:
        for state in (root / "data/processes/jobs").glob("*.json"):
            with contextlib.suppress(ValueError, FileNotFoundError):
                if (pid := json.loads(state.read_text())["pid"]) != before:
                    return int(pid)
        return 0

    return until(running, "a training that runs")


def test_a_training_goes_on_while_the_engine_is_dead(tmp_path: Path) -> None:
    first = Process(tmp_path)
    unusable(tmp_path, first.client, "p")
    first.client.create_model(ProjectName="p", OutputConfig=OUTPUT)
    job_of(tmp_path)
    first.kill()
    with engine(tmp_path) as second:
        about = model_at(second.client, "p", "1", "TRAINED", "TRAINING_FAILED")
        assert "12 of 12 images cannot be used" in about["StatusMessage"]
    with contextlib.closing(create_engine(f"sqlite:///{tmp_path}/data/state.db").raw_connection()) as db:
        assert db.execute("select attempts from models").fetchall() == [(1,)]


def test_a_training_that_was_lost_is_started_once_more_and_then_given_up(tmp_path: Path) -> None:
    with running(tmp_path) as served:
        unusable(tmp_path, served.client, "p")
        served.client.create_model(ProjectName="p", OutputConfig=OUTPUT)
        first = job_of(tmp_path)
        os.kill(first, signal.SIGKILL)
        second = job_of(tmp_path, before=first)
        os.kill(second, signal.SIGKILL)
        about = model_at(served.client, "p", "1", "TRAINED", "TRAINING_FAILED")
        assert "started 2 times" in about["StatusMessage"]
        assert "killed" in about["StatusMessage"]


def test_a_training_that_never_began_begins_with_the_next_start(tmp_path: Path) -> None:
    with running(tmp_path) as served:
        unusable(tmp_path, served.client, "p")
    database = create_engine(f"sqlite:///{tmp_path}/data/state.db")
    with database.begin() as db:  # as a kill between the row and the job leaves it
        project = db.execute(text("select id from projects")).scalar_one()
        db.execute(
            text(
                "insert into models (project, version, status, message, created, output_bucket, "
                "output_prefix, attempts, url) values (:p, 1, 'TRAINING', '', 0, 'results', '', 0, '')"
            ),
            {"p": project},
        )
    database.dispose()
    with running(tmp_path) as served:
        about = model_at(served.client, "p", "1", "TRAINED", "TRAINING_FAILED")
        assert "12 of 12 images cannot be used" in about["StatusMessage"]


@pytest.mark.long
def test_a_hosted_model_answers_again_after_kills_and_no_count_is_lost(tmp_path: Path) -> None:
    write_dataset(tmp_path / "pictures", 16, 8)
    process = Process(tmp_path)
    process.client.create_project(ProjectName="p")
    process.client.create_dataset(
        ProjectName="p", DatasetType="train", DatasetSource=source("train.manifest")
    )
    dataset_ready(process.client, "p")
    process.client.create_model(ProjectName="p", OutputConfig=OUTPUT)
    pid = job_of(tmp_path)
    (log,) = (tmp_path / "data/processes/jobs").glob("*.log")
    until(lambda: "%" in log.read_text(), "the first progress of a training")
    process.kill()
    os.kill(pid, signal.SIGKILL)  # as when the machine goes down: both are gone
    process = Process(tmp_path)
    model_at(process.client, "p", "1", "TRAINED")
    process.client.start_model(ProjectName="p", ModelVersion="1", MinInferenceUnits=1)
    process.kill()
    process = Process(tmp_path)
    request = {"ProjectName": "p", "ModelVersion": "1", "Body": photo(1), "ContentType": "image/png"}
    for count in range(3):
        model_at(process.client, "p", "1", "HOSTED")
        for _ in range(5):
            process.client.detect_anomalies(**request)
        process.kill()
        with contextlib.closing(create_engine(f"sqlite:///{tmp_path}/data/state.db").raw_connection()) as db:
            assert db.execute("select sum(processed) from detections").fetchall() == [(5 * (count + 1),)]
        process = Process(tmp_path)
    process.stop()
    with engine(tmp_path) as last:  # stopped in order: the predictor is gone, and comes back
        model_at(last.client, "p", "1", "HOSTED")
        last.client.detect_anomalies(**request)
        last.client.stop_model(ProjectName="p", ModelVersion="1")
        model_at(last.client, "p", "1", "TRAINED")


@pytest.mark.long
def test_kills_at_any_moment_leave_no_half_state(tmp_path: Path) -> None:
    text_of_manifest = write_dataset(tmp_path / "pictures", 12, 4)
    chance = random.Random(7)
    for number in range(10):
        process = Process(tmp_path)
        name = f"p{number}"
        process.client.create_project(ProjectName=name)
        process.client.create_dataset(
            ProjectName=name, DatasetType="train", DatasetSource=source("train.manifest")
        )
        if number % 2:
            dataset_ready(process.client, name)
            for _ in range(3):
                process.client.update_dataset_entries(
                    ProjectName=name, DatasetType="train", Changes=text_of_manifest
                )
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
    with engine(tmp_path) as last:
        for number in range(10):
            about = dataset_ready(last.client, f"p{number}")
            assert about["ImageStats"] == {"Total": 16, "Labeled": 16, "Normal": 12, "Anomaly": 4}
            last.client.delete_dataset(ProjectName=f"p{number}", DatasetType="train")
            last.client.delete_project(ProjectName=f"p{number}")
        assert last.client.list_projects()["Projects"] == []
