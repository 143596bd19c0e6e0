"""The loader: files of RDF in an object store into the graph, as jobs that survive a kill.

A job changes the graph once, when all its files have been read: readers see all of it or nothing, and a job
that is cut short begins again. With failOnError (the default) an error ends the job and nothing is loaded;
without, wrong lines are left out, the rest is loaded, and the job ends as LOAD_FAILED with its errors.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from brume.aws.addresses import AddressError, locate
from brume.aws.engine import lookup
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.neptune import load_status
from brume.records.engine.neptune.errors import NeptuneError, answered
from brume.records.engine.neptune.load_work import LoadWork
from brume.records.engine.neptune.tables import CANCELLED, LOADS, PENDING, QUEUED

FORMATS = ("nquads", "ntriples", "turtle", "rdfxml")
_PROPERTY_GRAPH = ("csv", "opencypher")
_MOST_QUEUED = 64
_PARSER = ("namedGraphUri", "baseUri")
_LIMIT = 100  # jobs of one list


class Loader:
    """The operations on load jobs."""

    def __init__(self, store: Store, work: LoadWork, folders: Mapping[str, str]) -> None:
        self._store, self._work, self._folders = store, work, folders

    @answered
    def start_loader_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Queue a job."""
        self._check(request)
        identity = str(uuid.uuid4())
        with self._store.write() as db:
            mine = lookup.owned(LOADS, call)
            waiting = lookup.count(db, mine.where(LOADS.c.status.in_(PENDING)))
            if waiting and not request.get("queueRequest", False):
                raise NeptuneError(
                    "BadRequestException",
                    "Failed to start new load because a load is in progress: wait, or give queueRequest",
                )
            if waiting > _MOST_QUEUED:
                raise NeptuneError("BadRequestException", f"more than {_MOST_QUEUED} load jobs wait already")
            for other in request.get("dependencies") or ():
                self._one(db, other, call)
            number = (db.execute(select(func.max(LOADS.c.number))).scalar() or 0) + 1
            values = {"id": identity, "number": number, "account": call.account, "status": QUEUED, "run": 0}
            values |= {"source": request["source"], "request": dict(request), "feeds": [], "errors": []}
            db.execute(insert(LOADS).values(**values, created=load_status.now()))
        self._work.submit(identity)
        return {"status": "200 OK", "payload": {"loadId": identity}}

    @answered
    def get_loader_job_status(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return how a job stands, with failed files (`details`) and errors (`errors`, by pages)."""
        with self._store.read() as db:
            row = self._one(db, request["loadId"], call)
        payload = load_status.describe(row)
        if request.get("details"):
            payload["failedFeeds"] = load_status.failed_feeds(row)
        if request.get("errors") or request.get("details"):
            size = min(max(int(request.get("errorsPerPage") or 10), 1), 1000)
            payload["errors"] = load_status.errors(row, max(int(request.get("page") or 1), 1), size)
        return {"status": "200 OK", "payload": payload}

    @answered
    def list_loader_jobs(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Return the ids of jobs, newest first."""
        wanted = lookup.owned(LOADS, call)
        if request.get("includeQueuedLoads") is False:
            wanted = wanted.where(LOADS.c.status != QUEUED)
        most = min(max(int(request.get("limit") or _LIMIT), 1), _LIMIT)
        with self._store.read() as db:
            rows = db.execute(wanted.order_by(LOADS.c.number.desc()).limit(most)).all()
        return {"status": "200 OK", "payload": {"loadIds": [row.id for row in rows]}}

    @answered
    def cancel_loader_job(self, request: Mapping[str, Any], call: Call) -> dict[str, Any]:
        """Cancel a job that waits or runs; of one that runs nothing is loaded."""
        with self._store.write() as db:
            row = self._one(db, request["loadId"], call)
            pending = update(LOADS).where(LOADS.c.id == row.id, LOADS.c.status.in_(PENDING))
            db.execute(pending.values(status=CANCELLED, completed=load_status.now()))
        self._work.stop(row.id)
        return {"status": "200 OK"}

    def _check(self, request: Mapping[str, Any]) -> None:
        for member in ("source", "format"):
            if not isinstance(request.get(member), str) or not request[member]:
                raise NeptuneError("MissingParameterException", f"{member} is required")
        kind = request["format"]
        if kind in _PROPERTY_GRAPH:
            raise NeptuneError(
                "UnsupportedOperationException",
                f"format {kind} is of property graphs, and this engine holds RDF: load {', '.join(FORMATS)}",
            )
        if kind not in FORMATS:
            raise NeptuneError("InvalidParameterException", f"format must be one of {', '.join(FORMATS)}")
        parser = request.get("parserConfiguration") or {}
        for name in parser:
            if name not in (*_PARSER, "allowEmptyStrings"):
                raise NeptuneError(
                    "InvalidParameterException", f"parserConfiguration takes {', '.join(_PARSER)} alone"
                )
        for name in _PARSER:
            if name in parser and ":" not in str(parser[name]):
                raise NeptuneError(
                    "InvalidParameterException", f"parserConfiguration.{name} must be an absolute IRI"
                )
        try:
            locate(request["source"], self._folders)
        except AddressError as error:
            raise NeptuneError("InvalidParameterException", f"source: {error}") from None

    @staticmethod
    def _one(db: Any, identity: str, call: Call) -> Row[Any]:
        found = db.execute(lookup.owned(LOADS, call, id=str(identity))).one_or_none()
        if found is None:
            raise NeptuneError("BulkLoadIdNotFoundException", f"there is no load job {str(identity)[:100]}")
        row: Row[Any] = found
        return row
