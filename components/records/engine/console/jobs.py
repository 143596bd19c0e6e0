"""ListJobs: the jobs of all services of the engine, and what waits or failed in its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select

from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.comprehend_medical import tables as entities
from brume.records.engine.healthlake import tables as healthlake
from brume.records.engine.kendra.tables import DATA_SOURCES, DOCUMENTS, INDICES, SYNC_JOBS
from brume.records.engine.neptune import tables as neptune

_MOST = 100  # jobs of each service, the newest
_REASONS = 10  # of an index's documents that failed
_WAITING, _FAILED = ("PROCESSING", "DELETING"), ("FAILED", "UPDATE_FAILED")
# The states of the services that are an end; in any other a job goes on.
_ENDS = {
    "SUCCEEDED": "DONE",
    "COMPLETED": "DONE",
    "LOAD_COMPLETED": "DONE",
    "INCOMPLETE": "PARTIAL",
    "PARTIAL_SUCCESS": "PARTIAL",
    "COMPLETED_WITH_ERRORS": "PARTIAL",
    "ABORTED": "STOPPED",
    "STOPPED": "STOPPED",
    "CANCEL_COMPLETED": "STOPPED",
    neptune.CANCELLED: "STOPPED",
    "FAILED": "FAILED",
    "CANCEL_FAILED": "FAILED",
    **dict.fromkeys(
        (neptune.FAILED, neptune.STOPPED, neptune.UNREADABLE, neptune.UNEXPECTED, neptune.UNMET), "FAILED"
    ),
}


class Jobs:
    """The operation that lists jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list_jobs(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """ListJobs."""
        with self._store.read() as db:
            jobs = [*_syncs(db, call), *_loads(db, call), *_entities(db, call), *_transfers(db, call)]
            indexes = [_index(db, row) for row in db.execute(owned(INDICES, call))]
        return {"Jobs": sorted(jobs, key=lambda job: -job["Started"]), "Indexes": indexes}


def _job(
    kind: str,
    identity: str,
    name: str,
    status: str,
    times: tuple[float, float | None],
    message: str,
    counts: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "Kind": kind,
        "JobId": identity,
        "Name": name,
        "Status": status,
        "State": _ENDS.get(status, "RUNNING"),
        "Started": times[0],
        "Ended": times[1],
        "Message": message or None,
        "Counts": [{"Name": name, "Count": count} for name, count in counts.items() if count],
    }


def _syncs(db: Connection, call: Call) -> Iterator[dict[str, Any]]:
    columns = ("added", "modified", "deleted", "failed", "scanned")
    wanted = (
        select(SYNC_JOBS, DATA_SOURCES.c.name.label("of"))
        .join(INDICES, INDICES.c.id == SYNC_JOBS.c.index_id)
        .join(
            DATA_SOURCES,
            (DATA_SOURCES.c.id == SYNC_JOBS.c.source_id) & (DATA_SOURCES.c.index_id == SYNC_JOBS.c.index_id),
        )
        .where(INDICES.c.account == call.account)
    )
    for row in db.execute(wanted.order_by(SYNC_JOBS.c.started.desc()).limit(_MOST)):
        counts = {f"documents {name}": getattr(row, name) for name in columns}
        yield _job("SYNC", row.id, row.of, row.status, (row.started, row.ended), row.failure, counts)


def _loads(db: Connection, call: Call) -> Iterator[dict[str, Any]]:
    wanted = owned(neptune.LOADS, call).order_by(neptune.LOADS.c.number.desc()).limit(_MOST)
    for row in db.execute(wanted):
        sums = {name: sum(int(feed.get(name, 0)) for feed in row.feeds) for name in ("records", "wrong")}
        counts = {"files": len(row.feeds), "statements": sums["records"], "lines refused": sums["wrong"]}
        first = f"{row.errors[0][0]}, line {row.errors[0][1]}: {row.errors[0][2]}" if row.errors else ""
        times = (row.started or row.created, row.completed)
        yield _job("LOAD", row.id, row.source, row.status, times, first, counts)


def _entities(db: Connection, call: Call) -> Iterator[dict[str, Any]]:
    wanted = owned(entities.JOBS, call).order_by(entities.JOBS.c.submitted.desc()).limit(_MOST)
    for row in db.execute(wanted):
        times = (row.submitted, row.ended)
        yield _job("ENTITIES", row.id, row.name or row.kind, row.status, times, row.message, {})


def _transfers(db: Connection, call: Call) -> Iterator[dict[str, Any]]:
    jobs = healthlake.JOBS
    mine = owned(healthlake.DATASTORES, call).with_only_columns(healthlake.DATASTORES.c.id)
    wanted = select(jobs).where(jobs.c.datastore.in_(mine)).order_by(jobs.c.submitted.desc()).limit(_MOST)
    for row in db.execute(wanted):
        times = (row.submitted, row.ended)
        yield _job(row.kind, row.id, row.name or row.datastore, row.status, times, row.message, {})


def _index(db: Connection, index: Row[Any]) -> dict[str, Any]:
    mine = DOCUMENTS.c.index_id == index.id
    by_status = select(DOCUMENTS.c.status, func.count()).where(mine).group_by(DOCUMENTS.c.status)
    counts = {status: int(count) for status, count in db.execute(by_status)}
    failed = (
        select(DOCUMENTS.c.failure, func.count())
        .where(mine, DOCUMENTS.c.status.in_(_FAILED))
        .group_by(DOCUMENTS.c.failure)
        .order_by(func.count().desc(), DOCUMENTS.c.failure)
        .limit(_REASONS)
    )
    return {
        "IndexId": index.id,
        "Name": index.name,
        "Notes": sum(count for status, count in counts.items() if status not in ("FAILED", *_WAITING)),
        "Waiting": sum(counts.get(status, 0) for status in _WAITING),
        "Failed": sum(counts.get(status, 0) for status in _FAILED),
        "Reasons": [{"Reason": reason, "Count": count} for reason, count in db.execute(failed)],
    }
