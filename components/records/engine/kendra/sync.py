"""Sync jobs of data sources: what is new, changed or gone in a bucket, or put by its owner."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, insert, select, update

from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.leases import Lease, Leases
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra import documents
from brume.records.engine.kendra.common import ERRORS, index_row, source_row
from brume.records.engine.kendra.crawl import CrawlError, Item, crawl
from brume.records.engine.kendra.indexing import Indexing
from brume.records.engine.kendra.rows import digest
from brume.records.engine.kendra.tables import DATA_SOURCES, DOCUMENTS, INDICES, SYNC_JOBS

_log = logging.getLogger(__name__)
_RUNNING = ("SYNCING", "STOPPING", "SYNCING_INDEXING")
_AT_ONCE = 200
_LONGEST = 2000  # characters of a failure
_COUNTS = ("added", "modified", "deleted", "failed", "scanned")


class SyncJobs:
    """The operations on sync jobs, and their work for S3."""

    def __init__(
        self, store: Store, background: Background, indexing: Indexing, folders: Mapping[str, str]
    ) -> None:
        self._store, self._indexing, self._folders = store, indexing, folders
        self._closing = False
        columns = SYNC_JOBS.c
        pending = columns.status.in_(("SYNCING", "STOPPING"))
        self._leases = Leases(store, SYNC_JOBS, pending)
        crawled = (
            select(columns.index_id, columns.id)
            .join(DATA_SOURCES, (DATA_SOURCES.c.id == columns.source_id) & (DATA_SOURCES.c.type == "S3"))
            .where(pending)
        )
        self._working = background.kind("kendra-sync", crawled, self._work)

    def close(self) -> None:
        """Let a job that runs stop soon; the next start begins it again."""
        self._closing = True

    def start_data_source_sync_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Begin a job; ListDataSourceSyncJobs has it at once, as the first."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            source = source_row(db, index.id, request["Id"])
            if source.status != "ACTIVE":
                raise ERRORS("ResourceInUseException", f"The data source {source.id} is {source.status}")
            mine = select(SYNC_JOBS).filter_by(index_id=index.id, source_id=source.id)
            if db.execute(mine.where(SYNC_JOBS.c.status.in_(_RUNNING))).first():
                raise ERRORS(
                    "ResourceInUseException", f"A sync job of the data source {source.id} is running"
                )
            identity = str(uuid.uuid4())
            row = {"index_id": index.id, "id": identity, "source_id": source.id, "status": "SYNCING"}
            db.execute(insert(SYNC_JOBS).values(**row, started=time.time()))
        if source.type == "S3":
            self._working.submit(index.id, identity)
        return {"ExecutionId": identity}

    def stop_data_source_sync_job(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Stop the job that runs, if one does: of a CUSTOM data source it has then succeeded."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            source = source_row(db, index.id, request["Id"])
            running = update(SYNC_JOBS).filter_by(index_id=index.id, source_id=source.id, status="SYNCING")
            if source.type == "CUSTOM":
                db.execute(running.values(status="SUCCEEDED", ended=time.time()))
            else:
                db.execute(running.values(status="STOPPING"))
        return {}

    def list_data_source_sync_jobs(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List the jobs of a data source, the newest first."""
        times = request.get("StartTimeFilter") or {}
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            source = source_row(db, index.id, request["Id"])
            wanted = select(SYNC_JOBS).filter_by(index_id=index.id, source_id=source.id)
            if status := request.get("StatusFilter"):
                wanted = wanted.filter_by(status=status)
            if times.get("StartTime"):
                wanted = wanted.where(SYNC_JOBS.c.started >= times["StartTime"].timestamp())
            if times.get("EndTime"):
                wanted = wanted.where(SYNC_JOBS.c.started <= times["EndTime"].timestamp())
            order = (SYNC_JOBS.c.started, SYNC_JOBS.c.id)
            return list_rows(db, request, call, wanted, order, _described, newest_first=True)

    def _work(self, index: str, identity: str) -> None:
        lease = self._leases.take({"index_id": index, "id": identity})
        if lease is None:
            return
        ended: dict[str, Any]
        try:
            ended = self._sync(lease)
        except InterruptedError:  # the engine ends, or the job was deleted
            lease.end()
            return
        except CrawlError as error:
            ended = {"status": "FAILED", "failure": str(error)[:_LONGEST]}
        except Exception as error:
            failure = logs.failed(_log, "a sync job", error)
            ended = {
                "status": "FAILED",
                "failure": f"the server failed (failure {failure}): its log has more",
            }
        lease.end(ended=time.time(), **ended)
        self._indexing.submit(index)

    def _sync(self, lease: Lease) -> dict[str, Any]:
        """Write what is to be done for each document; returns the job's end. Raises `CrawlError`.

        A job that is begun again finds what it wrote before to be up to date: nothing is done twice.
        """
        job = lease.row
        with self._store.read() as db:
            index = db.execute(select(INDICES).filter_by(id=job.index_id)).one()
            source = source_row(db, job.index_id, job.source_id)
        counts, failures = dict.fromkeys(_COUNTS, 0), list[str]()
        seen: set[str] = set()
        waiting: list[Item] = []
        for item in crawl(source.given["Configuration"]["S3Configuration"], index.fields, self._folders):
            seen.add(digest(item.id))
            waiting.append(item)
            if len(waiting) >= _AT_ONCE:
                if not self._goes_on(lease):
                    return {"status": "ABORTED", **counts}
                self._put(source, job, waiting, counts, failures)
                waiting = []
        self._put(source, job, waiting, counts, failures)
        if not self._goes_on(lease):
            return {"status": "ABORTED", **counts}
        if not failures:  # a document whose metadata cannot be read may have any id
            self._remove(source, seen, counts)
        if failures:
            return {"status": "INCOMPLETE", "failure": "; ".join(failures)[:_LONGEST], **counts}
        return {"status": "SUCCEEDED", **counts}

    def _goes_on(self, lease: Lease) -> bool:
        """Return whether the job is to go on. Raises `InterruptedError` when the engine ends."""
        if self._closing or not lease.held():
            raise InterruptedError
        with self._store.read() as db:
            mine = select(SYNC_JOBS.c.status).filter_by(index_id=lease.row.index_id, id=lease.row.id)
            return db.execute(mine).scalar() == "SYNCING"

    def _put(
        self, source: Row[Any], job: Row[Any], items: list[Item], counts: dict[str, int], failures: list[str]
    ) -> None:
        marks = {"_data_source_id": source.id, "_data_source_sync_job_execution_id": job.id}
        with self._store.write() as db:
            among = DOCUMENTS.c.digest.in_([digest(item.id) for item in items])
            mine = select(DOCUMENTS.c.digest, DOCUMENTS.c.version).filter_by(index_id=source.index_id)
            known = {row.digest: row.version for row in db.execute(mine.where(among))}
            for item in items:
                counts["scanned"] += 1
                if item.failure:
                    counts["failed"] += 1
                    failures.append(item.failure)
                elif known.get(digest(item.id)) != item.version:
                    given = {**item.given, "attributes": {**item.given["attributes"], **marks}}
                    new = documents.put(db, source.index_id, item.id, given, version=item.version)
                    counts["added" if new else "modified"] += 1

    def _remove(self, source: Row[Any], seen: set[str], counts: dict[str, int]) -> None:
        with self._store.write() as db:
            mine = select(DOCUMENTS.c.id, DOCUMENTS.c.digest, DOCUMENTS.c.status)
            rows = db.execute(mine.filter_by(index_id=source.index_id, source_id=source.id)).all()
            gone = [row.id for row in rows if row.digest not in seen and row.status != "DELETING"]
            for start in range(0, len(gone), _AT_ONCE):
                counts["deleted"] += documents.remove(db, source.index_id, gone[start : start + _AT_ONCE])


def _described(row: Row[Any]) -> dict[str, Any]:
    return {
        "ExecutionId": row.id,
        "StartTime": row.started,
        "EndTime": row.ended,
        "Status": row.status,
        "ErrorMessage": row.failure or None,
        "ErrorCode": "InvalidRequest" if row.failure else None,
        "Metrics": {f"Documents{name.capitalize()}": str(getattr(row, name)) for name in _COUNTS},
    }
