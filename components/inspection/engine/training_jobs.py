"""The jobs of TRAINING models, each of which ends as TRAINED or TRAINING_FAILED.

The job (training_program.py) gets a request file and leaves a result file; it never touches the database.
What to do next follows from the database, the two files and the job's state alone, so a killed engine goes on
where it was: a running job is watched again, a finished one's result is taken, and a lost one is started once
more.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from typing import Any

from sqlalchemy import select, update

from brume import storage
from brume.aws.engine import logs
from brume.aws.engine.store import Store
from brume.cluster import jobs
from brume.cluster.compute import in_cluster
from brume.cluster.jobs import Job, JobError
from brume.cluster.resources import Resources
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.tables import models
from brume.inspection.engine.training_files import PROGRESS, REQUEST, RESULT
from brume.inspection.engine.training_request import training_request

ATTEMPTS = 2
_log = logging.getLogger(__name__)


class TrainingJobs:
    """One thread that watches every training of the database."""

    def __init__(
        self, store: Store, locations: Locations, share: Resources, folder: str, backbone: str = ""
    ) -> None:
        """`share` is what a pod gets; `folder` is where this machine keeps the state of the processes."""
        self._store = store
        self._locations = locations
        self._share = share
        self._folder = folder
        self._backbone = backbone
        self._seconds = 3.0 if in_cluster() else 0.3  # between checks
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="trainings", daemon=True)

    def start(self) -> None:
        """Begin to watch, the trainings of an earlier process first."""
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """Check now: there is a new training."""
        self._wake.set()

    def close(self) -> None:
        """Stop watching. Jobs go on, and the next start of the engine takes their results."""
        self._closed = True
        self._wake.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closed:
                return
            if self._check_all() and not self._wake.wait(self._seconds):
                self._wake.set()

    def _check_all(self) -> bool:
        """Check every training; return whether there is one to check again."""
        try:
            with self._store.read() as db:
                rows = db.execute(select(models).filter_by(status="TRAINING")).all()
            for row in rows:
                self._check(row)
        except Exception as error:  # the database or the object store may be away for a while
            logs.failed(_log, "the check of the trainings", error)
            return True
        return bool(rows)

    def _check(self, row: AnyRow) -> None:
        name = job_name(row.project, row.version)
        folder = self._locations.model(row.project, row.version)
        try:
            state = jobs.state(name, self._folder)
        except JobError as error:
            self._report(row, f"the state of the job is unknown: {error}")
            return
        if state.phase == "running" and state.reason:
            self._report(row, f"the job waits: {state.reason}")
            return
        if state.phase == "running":
            with contextlib.suppress(FileNotFoundError, ValueError):
                progress = json.loads(storage.read_bytes(storage.join(folder, PROGRESS)))
                self._report(row, f"{progress['share']:.0%}: {progress['what']}")
            return
        with contextlib.suppress(FileNotFoundError):
            result = json.loads(storage.read_bytes(storage.join(folder, RESULT)))
            self._finish(row, name, result)
            return
        if row.attempts < ATTEMPTS and not state.hopeless:
            self._begin(row, name, folder)
            return
        how_often = "once" if row.attempts == 1 else f"{row.attempts} times"
        message = f"the training was started {how_often}: {state.reason or 'its process is gone'}"
        self._finish(row, name, {"status": "TRAINING_FAILED", "message": message})

    def _begin(self, row: AnyRow, name: str, folder: str) -> None:
        with self._store.write() as db:
            mine = (models.c.project == row.project) & (models.c.version == row.version)
            db.execute(update(models).where(mine).values(attempts=row.attempts + 1))
        address = storage.join(folder, REQUEST)
        if not storage.exists(address):
            with self._store.read() as db:
                request = training_request(db, row, self._locations, self._backbone)
            storage.write_bytes(address, json.dumps(request).encode())
        job = Job(
            name,
            "brume.inspection.engine.training_program",
            ("--request", address),
            resources=self._share,
            folder=self._folder,
        )
        try:
            jobs.start(job)
        except (JobError, OSError) as error:
            self._report(row, str(error))

    def _report(self, row: AnyRow, message: str) -> None:
        if message != row.message:
            mine = (models.c.project == row.project) & (models.c.version == row.version)
            with self._store.write() as db:
                db.execute(update(models).where(mine, models.c.status == "TRAINING").values(message=message))

    def _finish(self, row: AnyRow, name: str, result: dict[str, Any]) -> None:
        """Remove the job, and record how the training ended.

        In this order: the job of a training that has ended is not checked, and one that cannot be removed
        now is tried again.
        """
        jobs.stop(name, self._folder)
        values: dict[str, Any] = {"status": result["status"], "message": result["message"]}
        if result["status"] == "TRAINED":
            metrics = result["evaluation"]["figures"]
            values |= {
                "f1": metrics["f1"],
                "precision": metrics["precision"],
                "recall": metrics["recall"],
                "evaluated": result.get("ended", time.time()),
                "evaluation": json.dumps(result["evaluation"]),
                "bundle": json.dumps(result["bundle"]),
            }
        mine = (models.c.project == row.project) & (models.c.version == row.version)
        with self._store.write() as db:
            db.execute(update(models).where(mine, models.c.status == "TRAINING").values(**values))


def job_name(project: str, version: int) -> str:
    """Return the name of the job that trains a version."""
    return f"inspection-training-{project}-{version}"
