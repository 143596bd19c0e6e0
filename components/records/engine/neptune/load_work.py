"""The work of load jobs, one after the other: files to a copy of the graph, which is published at the end."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select, update

from brume import storage
from brume.aws.addresses import AddressError
from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.sandbox import Job, LostError, Sandbox
from brume.aws.engine.store import Store
from brume.records.engine import inputs
from brume.records.engine.neptune.generations import Change, Generations
from brume.records.engine.neptune.load_status import now
from brume.records.engine.neptune.tables import (
    COMPLETED,
    FAILED,
    LOADS,
    PENDING,
    QUEUED,
    RUNNING,
    STOPPED,
    UNEXPECTED,
    UNMET,
    UNREADABLE,
)
from brume.records.model.graph import fallback

_log = logging.getLogger(__name__)
_SECONDS = 24 * 3600.0  # of one file
_ERRORS = 1000  # of one job that are kept
_PARSING, _READING = "PARSING_ERROR", "S3_READ_ERROR"


class _EndedError(Exception):
    """A job that ends with this status; nothing of it is loaded."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class _Report:
    """What is known of a job's files while it runs."""

    feeds: list[dict[str, Any]]
    errors: list[list[Any]]

    def note(self, file: str, line: int, code: str, reason: str) -> None:
        if len(self.errors) < _ERRORS:
            self.errors.append([file, line, code, reason])


class LoadWork:
    """Does the load jobs that wait."""

    def __init__(
        self,
        store: Store,
        sandbox: Sandbox,
        generations: Generations,
        folders: Mapping[str, str],
        scratch: Path,
    ) -> None:
        self._store, self._sandbox, self._generations = store, sandbox, generations
        self._folders, self._scratch = folders, scratch
        shutil.rmtree(scratch, ignore_errors=True)  # of an engine that was killed
        self._background = Background(1)
        pending = select(LOADS.c.id).where(LOADS.c.status.in_(PENDING)).order_by(LOADS.c.number)
        self._kind = self._background.kind("neptune-load", pending, self._work)
        self._lock = threading.Lock()
        self._current: tuple[str, Job] | None = None
        self._stopped: set[str] = set()
        self._closing = False

    def resume(self) -> None:
        """Take up the jobs that an earlier process of the engine left."""
        self._background.resume(self._store)

    def submit(self, identity: str) -> None:
        """Do a job when its turn comes."""
        self._kind.submit(identity)

    def stop(self, identity: str) -> None:
        """End a job that runs; its row has its end already."""
        with self._lock:
            self._stopped.add(identity)
            current = self._current
        if current is not None and current[0] == identity:
            current[1].kill()

    def close(self) -> None:
        """End the job that runs; the next process of the engine begins it again."""
        with self._lock:
            self._closing = True
            current = self._current
        if current is not None:
            current[1].kill()
        self._background.close()

    def _work(self, identity: str) -> None:
        row = self._begin(identity)
        if row is None:
            return
        report = _Report([], [])
        try:
            with self._generations.changing(lambda: self._is_stopped(identity)) as change:
                status = self._load(row, change, report)
                self._note(identity, report)
                if status in (COMPLETED, FAILED) and not self._is_stopped(identity):
                    change.publish()
        except _EndedError as error:
            status = error.status
        except InterruptedError:
            return
        except Exception as error:
            logs.failed(_log, f"load job {identity}", error)
            status = UNEXPECTED
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)
        if self._closing:
            return
        with self._store.write() as db:
            running = update(LOADS).filter_by(id=identity, status=RUNNING)
            db.execute(
                running.values(status=status, completed=now(), feeds=report.feeds, errors=report.errors)
            )

    def _begin(self, identity: str) -> Row[Any] | None:
        """Return the row of a job that now runs; None for one that has ended, or was cancelled."""
        with self._store.write() as db:
            row = db.execute(select(LOADS).filter_by(id=identity)).one_or_none()
            if self._closing or row is None or row.status not in PENDING:
                return None
            ids = row.request.get("dependencies") or []
            others = db.execute(select(LOADS.c.status).where(LOADS.c.id.in_(ids))).scalars().all()
            # Jobs run in their order, so that those it depends on have ended.
            met = all(status == COMPLETED for status in others)
            values: dict[str, Any] = {"status": RUNNING, "started": now(), "run": row.run + 1}
            if not met:
                values = {"status": UNMET, "completed": now()}
            db.execute(update(LOADS).filter_by(id=identity).values(**values))
            return db.execute(select(LOADS).filter_by(id=identity)).one() if met else None

    def _load(self, row: Row[Any], change: Change, report: _Report) -> str:
        """Load every file of a job into a copy; returns the job's status. Raises `_EndedError`."""
        try:
            files = inputs.files(row.source, self._folders)
        except (OSError, storage.StorageError, AddressError) as error:
            report.note(row.source, 0, _READING, str(error)[:500])
            raise _EndedError(UNREADABLE) from None
        if not files:
            report.note(row.source, 0, _READING, "there is no file at this address, nor below it")
            raise _EndedError(UNREADABLE)
        job = {"job": "copy", "generation": str(change.generation), "folder": str(change.folder)}
        self._do(row.id, job)
        tolerant = row.request.get("failOnError") is False
        report.feeds = [{"uri": file.address, "status": QUEUED} for file in files]
        for feed, file in zip(report.feeds, files, strict=True):
            feed |= {"status": RUNNING, "started": now()}
            self._note(row.id, report)
            self._load_file(row, change, report, feed, file.address, file.place, tolerant=tolerant)
            feed["seconds"] = now() - feed["started"]
            if feed["status"] != COMPLETED and not tolerant:
                for other in report.feeds:
                    other["status"] = STOPPED if other["status"] in PENDING else other["status"]
                raise _EndedError(FAILED)
        return COMPLETED if all(feed["status"] == COMPLETED for feed in report.feeds) else FAILED

    def _load_file(
        self,
        row: Row[Any],
        change: Change,
        report: _Report,
        feed: dict[str, Any],
        uri: str,
        place: str,
        *,
        tolerant: bool,
    ) -> None:
        try:
            path = storage.fetch(place, self._scratch)
        except (OSError, storage.StorageError) as error:
            feed["status"] = UNREADABLE
            report.note(uri, 0, _READING, str(error).replace(place, uri)[:500])
            return
        parser = row.request.get("parserConfiguration") or {}
        source = {
            "path": str(path),
            "format": row.request["format"],
            "name": uri,
            "graph": parser.get("namedGraphUri") or fallback.DEFAULT,
            "base": parser.get("baseUri", ""),
            "tolerant": tolerant,
        }
        answer = self._do(
            row.id, {"job": "load", "folder": str(change.folder), "source": source, "errors": _ERRORS}
        )
        if storage.is_remote(place):
            path.unlink()
        feed |= {name: answer[name] for name in ("records", "new", "wrong")}
        feed["status"] = FAILED if answer["wrong"] else COMPLETED
        for line, reason in answer["errors"]:
            report.note(uri, line, _PARSING, reason)

    def _do(self, identity: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run one job of the sandbox. Raises `InterruptedError` when it was stopped, `_EndedError`."""
        job = self._sandbox.start(request)
        with self._lock:
            self._current = (identity, job)
        try:
            if self._is_stopped(identity):
                job.kill()
            answer = job.answer(_SECONDS)
        except LostError:
            if self._is_stopped(identity):
                raise InterruptedError from None
            raise
        finally:
            with self._lock:
                self._current = None
        if "failed" in answer:
            raise RuntimeError("a load job failed in its process")
        return answer

    def _note(self, identity: str, report: _Report) -> None:
        with self._store.write() as db:
            running = update(LOADS).filter_by(id=identity, status=RUNNING)
            db.execute(running.values(feeds=report.feeds, errors=report.errors))

    def _is_stopped(self, identity: str) -> bool:
        with self._lock:
            return self._closing or identity in self._stopped
