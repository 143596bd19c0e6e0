"""The operations on import and export jobs, which run one at a time in each data store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from brume import storage
from brume.aws import addresses
from brume.aws.engine import arns, logs
from brume.aws.engine.idempotency import once
from brume.aws.engine.leases import Leases
from brume.aws.engine.listing import list_rows
from brume.aws.engine.lookup import one
from brume.aws.engine.service import Call
from brume.records.engine.access.scopes import denied
from brume.records.engine.healthlake.common import absent, bad, datastore_row
from brume.records.engine.healthlake.job_run import CancelledError, JobRun, output_folder
from brume.records.engine.healthlake.tables import JOBS, PENDING
from brume.records.engine.parts import State

_log = logging.getLogger(__name__)
_KEPT = ("InputDataConfig", "JobOutputDataConfig", "OutputDataConfig", "DataAccessRoleArn", "ValidationLevel")
_REPORT = {
    "TotalNumberOfScannedFiles": "files",
    "TotalSizeOfScannedFilesInMB": "megabytes",
    "TotalNumberOfImportedFiles": "imported_files",
    "TotalNumberOfResourcesScanned": "scanned",
    "TotalNumberOfResourcesImported": "imported",
    "TotalNumberOfResourcesWithCustomerError": "failed",
    "TotalNumberOfFilesReadWithCustomerError": "failed_files",
}
Do = Callable[[JobRun], str]


class Jobs:
    """The operations on jobs; `do` has what does the work of each kind and returns the job's status."""

    def __init__(self, state: State, do: Mapping[str, Do]) -> None:
        self._store, self._folders, self._do = state.store, state.folders, do
        self._scopes, self._audit = state.scopes, state.audit
        pending = JOBS.c.status.in_(PENDING)
        self._leases = Leases(self._store, JOBS, pending)
        keys = select(JOBS.c.datastore).where(pending).distinct()
        self._working = state.background.kind("fhir-jobs", keys, self._work)
        self._closing = False

    def close(self) -> None:
        """Let the jobs that run stop soon; another engine or the next start goes on with them."""
        self._closing = True

    def start_fhir_import_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to put the resources of files into a data store."""
        self._check(request["InputDataConfig"].get("S3Uri"), "InputDataConfig")
        if request.get("ProfileId") or request.get("InputFormat", "FHIR") != "FHIR":
            raise bad("ProfileId and InputFormat: this server reads FHIR R4 alone; convert the files before")
        return self._start("IMPORT", request, request["JobOutputDataConfig"], call)

    def start_fhir_export_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Begin to write all resources of a data store as files."""
        return self._start("EXPORT", request, request["OutputDataConfig"], call)

    def describe_fhir_import_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe an import job, with what it has done so far."""
        return {"ImportJobProperties": _import(self.job("IMPORT", request, call))}

    def describe_fhir_export_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Describe an export job."""
        return {"ExportJobProperties": _properties(self.job("EXPORT", request, call))}

    def list_fhir_import_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the import jobs of a data store, the newest first."""
        return self._list("IMPORT", request, call, _import)

    def list_fhir_export_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """List the export jobs of a data store, the newest first."""
        return self._list("EXPORT", request, call, _properties)

    def start_export(
        self, call: Call, request: Mapping[str, Any], chosen: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Begin an export of some resources (`exporting`); for FHIR's own operation, which has no token."""
        with self._store.write() as db:
            answer = self._insert(db, "EXPORT", request, request["OutputDataConfig"], call, chosen)
        self._working.submit(request["DatastoreId"], again=True)
        return answer

    def job(self, kind: str, request: Mapping[str, Any], call: Call) -> Row[Any]:
        """Return a job of a data store of the caller's. Raises the service's error."""
        with self._store.read() as db:
            return self._one(db, kind, request, call)

    def cancel(self, call: Call, request: Mapping[str, Any]) -> Row[Any]:
        """Begin to cancel an export job that has not ended; returns it as it was."""
        with self._store.write() as db:
            row = self._one(db, "EXPORT", request, call)
            if row.status in PENDING:
                mine = update(JOBS).filter_by(datastore=row.datastore, id=row.id)
                db.execute(mine.values(status="CANCEL_SUBMITTED"))
        self._working.submit(row.datastore, again=True)
        return row

    def _start(
        self, kind: str, request: Mapping[str, Any], output: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        with once(self._store, call, request, bad) as answer:
            if answer.known is None:
                answer.value = self._insert(answer.db, kind, request, output, call, {})
        self._working.submit(request["DatastoreId"], again=True)
        return answer.known or answer.value

    def _insert(
        self,
        db: Connection,
        kind: str,
        request: Mapping[str, Any],
        output: Mapping[str, Any],
        call: Call,
        chosen: Mapping[str, Any],
    ) -> dict[str, Any]:
        self._check(output["S3Configuration"]["S3Uri"], "OutputDataConfig")
        row = datastore_row(db, call, request["DatastoreId"], active=True)
        scope, identity = self._scopes.of(call), arns.new_id(32)
        if kind == "EXPORT":
            if scope.deidentified:
                raise denied("an export holds records as they are: this key sees them without names alone")
            patients = None if scope.patients is None else sorted(scope.patients)
            chosen = {**chosen, "patients": patients, "key": call.access_key}
            self._audit.write(call, scope, [f"datastore/{row.id}/export/{identity}"], db=db)
        kept = {name: request[name] for name in _KEPT if request.get(name) is not None}
        values = {
            "datastore": row.id,
            "id": identity,
            "kind": kind,
            "status": "SUBMITTED",
            "name": request.get("JobName") or "",
            "request": {**kept, "chosen": dict(chosen)},
            "submitted": time.time(),
        }
        db.execute(insert(JOBS).values(**values))
        return {"JobId": values["id"], "JobStatus": "SUBMITTED", "DatastoreId": row.id}

    def _check(self, uri: str | None, member: str) -> None:
        try:
            addresses.locate(uri or "", self._folders)
        except addresses.AddressError as error:
            raise bad(f"{member}: {error}") from error

    def _one(self, db: Connection, kind: str, request: Mapping[str, Any], call: Call) -> Row[Any]:
        row = datastore_row(db, call, request["DatastoreId"])
        mine = select(JOBS).filter_by(datastore=row.id, id=request["JobId"], kind=kind)
        missing = absent(f"{kind.lower()} job", request["JobId"])
        found = one(db, mine, missing)
        own = found.request["chosen"].get("key") == call.access_key
        if not (own or self._scopes.of(call).administers):  # the export of another key
            raise missing
        return found

    def _list(
        self,
        kind: str,
        request: Mapping[str, Any],
        call: Call,
        describe: Callable[[Row[Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        with self._store.read() as db:
            row = datastore_row(db, call, request["DatastoreId"])
            wanted: Select[Any] = select(JOBS).filter_by(datastore=row.id, kind=kind)
            for member, column in (("JobName", "name"), ("JobStatus", "status")):
                if value := request.get(member):
                    wanted = wanted.filter_by(**{column: value})
            if before := request.get("SubmittedBefore"):
                wanted = wanted.where(JOBS.c.submitted < before.timestamp())
            if after := request.get("SubmittedAfter"):
                wanted = wanted.where(JOBS.c.submitted > after.timestamp())
            order = (JOBS.c.submitted, JOBS.c.id)
            return list_rows(db, request, call, wanted, order, describe, newest_first=True)

    def _work(self, datastore: str) -> None:
        """Do the jobs of a data store that wait, in the order of their requests."""
        mine = select(JOBS.c.id).filter_by(datastore=datastore).where(JOBS.c.status.in_(PENDING))
        while not self._closing:
            with self._store.read() as db:
                job = db.execute(mine.order_by(JOBS.c.submitted, JOBS.c.id).limit(1)).scalar()
            if job is None or not self._work_on({"datastore": datastore, "id": job}):
                return

    def _work_on(self, which: Mapping[str, str]) -> bool:
        """Do a job; return whether it has ended."""
        with self._store.write() as db:  # a job that is to stop keeps that state
            mine = update(JOBS).filter_by(**which, status="SUBMITTED")
            db.execute(mine.values(status="IN_PROGRESS"))
        lease = self._leases.take(which)
        if lease is None:
            return False
        run = JobRun(self._store, lease, self._folders, lambda: self._closing)
        try:
            status, message = self._do[lease.row.kind](run), run.message
        except InterruptedError:
            lease.end()
            return False
        except CancelledError:
            status, message = "CANCEL_COMPLETED", "cancelled by request"
        except (storage.StorageError, addresses.AddressError, LookupError) as error:
            status, message = "FAILED", str(error)
        except OSError as error:  # which would name the file here
            status, message = "FAILED", f"a file cannot be used: {error.strerror}"
        except Exception as error:
            failure = logs.failed(_log, f"a job of kind {lease.row.kind}", error)
            status, message = "FAILED", f"the server failed (failure {failure}): its log has more"
        lease.end(status=status, message=message[:2000], ended=time.time())
        return True


def _properties(row: Row[Any]) -> dict[str, Any]:
    output = row.request.get("OutputDataConfig") or row.request["JobOutputDataConfig"]
    return {
        "JobId": row.id,
        "JobName": row.name or None,
        "JobStatus": row.status,
        "SubmitTime": row.submitted,
        "EndTime": row.ended,
        "DatastoreId": row.datastore,
        "OutputDataConfig": {
            "S3Configuration": {**output["S3Configuration"], "S3Uri": output_folder(row)},
        },
        "DataAccessRoleArn": row.request["DataAccessRoleArn"],
        "Message": row.message or None,
    }


def _import(row: Row[Any]) -> dict[str, Any]:
    shown = _properties(row)
    counts = row.progress.get("counts")
    return {
        **{name: value for name, value in shown.items() if name != "OutputDataConfig"},
        "InputDataConfig": row.request["InputDataConfig"],
        "JobOutputDataConfig": shown["OutputDataConfig"],
        "JobProgressReport": {name: counts[member] for name, member in _REPORT.items()} if counts else None,
        "ValidationLevel": row.request.get("ValidationLevel"),
    }
