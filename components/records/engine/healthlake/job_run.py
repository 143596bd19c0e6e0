"""One run of a job: whether it goes on, what it has done so far, where its files go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, select, update

from brume import storage
from brume.aws import addresses
from brume.aws.engine.leases import Lease
from brume.aws.engine.store import Store
from brume.records.engine.healthlake.tables import JOBS


class CancelledError(Exception):
    """A job that its owner has cancelled."""


class JobRun:
    """A job under way; `progress` is what an earlier run of it has done, {} at first."""

    def __init__(
        self, store: Store, lease: Lease, folders: Mapping[str, str], closing: Callable[[], bool]
    ) -> None:
        self.job: Row[Any] = lease.row
        self.store, self.folders = store, folders
        self.progress: dict[str, Any] = dict(lease.row.progress or {})
        self.inputs: list[Any] = lease.row.request.get("inputs") or []  # the files that an import reads
        self.message = ""  # of the job's end
        self._lease, self._closing = lease, closing
        self._which = {"datastore": lease.row.datastore, "id": lease.row.id}

    @property
    def output(self) -> str:
        """Where the files of the job go: a local folder or an s3:// URI, without a slash at its end."""
        return addresses.locate(output_folder(self.job), self.folders).rstrip("/")

    def check(self) -> None:
        """Raise `InterruptedError` when the engine ends or has lost the job, `CancelledError` by request."""
        if self._closing() or not self._lease.held():
            raise InterruptedError
        with self.store.read() as db:
            status = db.execute(select(JOBS.c.status).filter_by(**self._which)).scalar_one_or_none()
        if status == "CANCEL_SUBMITTED":
            raise CancelledError

    def note(self, db: Connection) -> None:
        """Write the progress, in the transaction of what was done."""
        db.execute(update(JOBS).filter_by(**self._which).values(progress=self.progress))

    def note_inputs(self, db: Connection, inputs: list[Any]) -> None:
        """Write, once, which files are read: apart from the progress, which is written again and again."""
        self.inputs = inputs
        request = {**self.job.request, "inputs": inputs}
        db.execute(update(JOBS).filter_by(**self._which).values(request=request))

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the job, by its path below the job's folder."""
        storage.write_bytes(storage.join(self.output, name), data)


def output_folder(row: Row[Any]) -> str:
    """Return the address of the folder of a job's files, which ends in a slash, as HealthLake names it."""
    output = row.request.get("OutputDataConfig") or row.request["JobOutputDataConfig"]
    base = output["S3Configuration"]["S3Uri"].rstrip("/")
    return f"{base}/{row.datastore}-FHIR_{row.kind}-{row.id}/"
