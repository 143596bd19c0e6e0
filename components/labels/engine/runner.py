"""Runs executions, a few at a time, and at its start those that an earlier engine left."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from brume import storage
from brume.aws.addresses import AddressError
from brume.aws.engine import logs
from brume.aws.engine.background import Background
from brume.aws.engine.sandbox import Job, LateError, LostError, Sandbox
from brume.aws.engine.store import Store
from brume.labels.engine import show
from brume.labels.engine.catalog import Catalog, job
from brume.labels.engine.lake_source import Source
from brume.labels.engine.result_files import ResultFiles
from brume.labels.engine.settings import LabelsSettings
from brume.labels.engine.tables import CANCELLED, FAILED, QUEUED, RUNNING, SUCCEEDED, executions
from brume.lake.parquet_files import LakeError
from brume.storage import StorageError

_PAUSES = (0.1, 1.0, 5.0, 20.0)  # seconds between the tries to note an end
_SYSTEM, _USER = 1, 2  # AthenaError.ErrorCategory
_INTERRUPTED = "INTERNAL_ERROR: the engine was stopped while the query ran: start it again"
_log = logging.getLogger(__name__)

_Members = dict[str, Any]


@dataclass(frozen=True)
class Planned:
    """What is run for an execution: kept in its row, so that any later process of the engine can run it.

    `plan` is a `sql.plan.Plan` as a dictionary, `text` the statement that it was made of, and `cutoff` the
    most bytes that it may read, 0 for any.
    """

    plan: _Members
    text: str
    cutoff: int

    def encode(self) -> str:
        """Return it as the column `plan` holds it."""
        return json.dumps({"plan": self.plan, "text": self.text, "cutoff": self.cutoff})

    @classmethod
    def decode(cls, column: str) -> Planned:
        """Return what a column `plan` holds."""
        return cls(**json.loads(column))


class _FailedError(Exception):
    """An execution that failed, with its AthenaError category."""

    def __init__(self, reason: str, category: int = _USER) -> None:
        super().__init__(reason)
        self.category = category


class Runner:
    """Runs executions in threads; each query itself runs in a process of its own.

    An execution's row holds its plan for as long as there is something to do for it: to run it (QUEUED), or
    to remove what it may have delivered although it did not succeed.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        catalog: Catalog,
        files: ResultFiles,
        sandbox: Sandbox,
        limits: LabelsSettings,
        data: Path,
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._source = source
        self._catalog = catalog
        self._files = files
        self._sandbox = sandbox
        self._limits = limits
        self._scratch = data / "scratch"
        shutil.rmtree(self._scratch, ignore_errors=True)  # of an engine that was killed
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._closing = False
        self._ended = Counter(
            "brume_queries_total", "Queries that ended, by state.", ["state"], registry=registry
        )
        self._background = Background(limits.at_once)
        waiting = select(executions.c.id).filter_by(state=QUEUED).order_by(executions.c.number)
        self._queries = self._background.kind("query", waiting, self._execute)
        left = select(executions.c.id).where(
            executions.c.state.in_((FAILED, CANCELLED)), executions.c.plan.is_not(None)
        )
        self._background.kind("withdrawal", left, self._withdraw)
        self._end_interrupted()
        files.drop_strays()
        files.sweep()

    def _end_interrupted(self) -> None:
        """Mark as failed what a killed engine left running: its processes ended with it."""
        with self._store.write() as db:
            running = update(executions).filter_by(state=RUNNING)
            end = {"state": FAILED, "completed": time.time()}
            db.execute(running.values(**end, **failure(_INTERRUPTED, _SYSTEM)))

    def resume(self) -> None:
        """Run what waited when an earlier process of the engine ended, in the order in which it came."""
        self._background.resume(self._store)

    def submit(self, identity: str) -> None:
        """Run an execution that is QUEUED, with its plan in its row, when its turn comes."""
        self._queries.submit(identity)

    def cancel(self, identity: str) -> None:
        """Cancel an execution that waits or runs."""
        reason = "Query cancelled by user"
        if self._end(identity, CANCELLED, QUEUED, reason=reason, plan=None):
            return
        if self._end(identity, CANCELLED, RUNNING, reason=reason):
            self._kill(identity)

    def count(self, state: str) -> None:
        """Count an execution that ended in `state` without having been run."""
        self._ended.labels(state).inc()

    def close(self) -> None:
        """End what runs, as failed; what waits is run by the next process of the engine."""
        self._closing = True
        with self._lock:
            running = list(self._jobs.values())
        for one in running:
            one.kill()
        self._background.close()

    def _kill(self, identity: str) -> None:
        with self._lock:
            running = self._jobs.get(identity)
        if running is not None:
            running.kill()

    def _execute(self, identity: str) -> None:
        if self._closing:
            return
        row = self._begin(identity)
        if row is None:
            return
        planned = Planned.decode(row.plan)
        scratch = self._scratch / identity
        delivering = False
        values: _Members = {}
        try:
            scratch.mkdir(parents=True)
            values = self._run(identity, planned, scratch)
            delivering = True
            self._deliver(row, planned.plan, scratch)
            state = SUCCEEDED
            values |= {"reason": planned.plan["warning"], "plan": None}
        except _FailedError as error:
            state, values = FAILED, failure(str(error), error.category)
        except (LakeError, StorageError, AddressError) as error:
            state, values = FAILED, failure(f"HIVE_FILESYSTEM_ERROR: {error}", _SYSTEM)
        except OSError as error:  # without the file: places of this machine are not for the caller
            reason = f"HIVE_FILESYSTEM_ERROR: the result cannot be written: {error.strerror}"
            state, values = FAILED, failure(reason, _SYSTEM)
        except Exception as error:
            logs.failed(_log, f"execution {identity}", error)
            state, values = FAILED, failure(f"INTERNAL_ERROR: {type(error).__name__}", _SYSTEM)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if state == FAILED:
            self._files.forget(identity)  # first: on a full disk, nothing can be noted while it lies there
        succeeded = self._note_end(identity, state, values) and state == SUCCEEDED
        if not succeeded:  # it may have been cancelled meanwhile
            self._files.forget(identity)
            if delivering:
                self._withdraw(identity)
            else:
                self._clear_plan(identity)
        self._files.sweep()

    def _note_end(self, identity: str, state: str, values: _Members) -> bool:
        """End an execution that ran, also when the database cannot be written for a while."""
        for pause in _PAUSES:
            try:
                return self._end(identity, state, RUNNING, **values)
            except SQLAlchemyError as error:
                _log.error("the end of execution %s cannot be noted: %s", identity, type(error).__name__)
                time.sleep(pause)
        return self._end(identity, state, RUNNING, **values)

    def _begin(self, identity: str) -> Any:
        """Return the row of an execution that waited and now runs; None for another."""
        with self._store.write() as db:
            waiting = update(executions).filter_by(id=identity, state=QUEUED)
            if not db.execute(waiting.values(state=RUNNING, started=time.time())).rowcount:
                return None
            return db.execute(select(executions).filter_by(id=identity)).one()

    def _end(self, identity: str, state: str, before: str, **values: Any) -> bool:
        """Give an execution its last state, if its state is `before`; return whether it was."""
        with self._store.write() as db:
            known = update(executions).filter_by(id=identity, state=before)
            changed = db.execute(known.values(state=state, completed=time.time(), **values)).rowcount
        if changed:
            self.count(state)
        return bool(changed)

    def _withdraw(self, identity: str) -> None:
        """Remove what an execution that did not succeed may have delivered; the next start tries again."""
        with self._store.read() as db:
            row = db.execute(select(executions).filter_by(id=identity)).one_or_none()
        if row is None or row.plan is None or row.state not in (FAILED, CANCELLED):
            return
        unload = Planned.decode(row.plan).plan["unload"]
        try:
            self._files.withdraw(identity, row.output, row.manifest, unload["address"] if unload else "")
        except (AddressError, StorageError, OSError) as error:
            logs.failed(_log, f"removing what execution {identity} delivered", error)
            return
        self._clear_plan(identity)

    def _clear_plan(self, identity: str) -> None:
        with self._store.write() as db:
            db.execute(update(executions).filter_by(id=identity).values(plan=None))

    def _run(self, identity: str, planned: Planned, scratch: Path) -> _Members:
        """Do what the plan says; returns the values of the execution's row."""
        plan = planned.plan
        if not plan["query"]:
            return self._show(identity, plan)
        with self._source.opened(plan["tables"]) as opened:
            if planned.cutoff and opened.size > planned.cutoff:
                raise _FailedError(
                    "Query cancelled! : Bytes scanned limit was exceeded: the tables hold "
                    f"{opened.size} bytes, the workgroup allows {planned.cutoff}"
                )
            file = self._file(identity, plan)
            request = job("run", opened, self._limits, self._source.root, planned.text)
            request |= {"plan": plan, "scratch": str(scratch), "output": str(file)}
            request |= self._files.share(request)
            if plan["unload"]:
                self._require_empty(plan["unload"]["address"])
                request["unload_folder"] = str(scratch / "unload")
                (scratch / "unload").mkdir()
            answer = self._answered(identity, request)
        values = {"scanned": opened.size, "rows": answer["rows"], "columns": json.dumps(answer["columns"])}
        return values if plan["unload"] else values | {"size": file.stat().st_size}

    def _deliver(self, row: Any, plan: _Members, scratch: Path) -> None:
        """Write the result to its output location, if it has one."""
        if plan["unload"]:
            address = plan["unload"]["address"]
            self._files.deliver_unloaded(row.id, address, scratch / "unload", row.manifest)
        elif row.output:
            self._files.deliver(self._file(row.id, plan), row.output)

    def _file(self, identity: str, plan: _Members) -> Path:
        return self._files.path(identity, ".csv" if plan["name"] == "SELECT" else ".txt")

    def _answered(self, identity: str, request: _Members) -> _Members:
        running = self._sandbox.start(request)
        with self._lock:
            self._jobs[identity] = running
        try:
            with self._store.read() as db:  # it may have been cancelled before it could be killed
                state = db.execute(select(executions.c.state).filter_by(id=identity)).scalar_one()
            if state != RUNNING or self._closing:
                running.kill()
            answer = running.answer(self._limits.seconds)
        except LateError:
            raise _FailedError(
                f"Query timeout: it ran for {self._limits.seconds} s, the most that one may: read less"
            ) from None
        except LostError:
            if self._closing:
                raise _FailedError(_INTERRUPTED, _SYSTEM) from None
            raise _FailedError(
                "INTERNAL_ERROR: the process of the query ended, for want of memory perhaps: read less",
                _SYSTEM,
            ) from None
        finally:
            with self._lock:
                self._jobs.pop(identity, None)
        if "failed" in answer:
            raise _FailedError(answer["failed"], _SYSTEM if "internal" in answer else _USER)
        return answer

    def _show(self, identity: str, plan: _Members) -> _Members:
        """Answer a statement that only looks at the catalog."""
        lines, columns = show.answer(plan, self._catalog)
        file = self._file(identity, plan)
        storage.write_bytes(str(file), "".join(f"{line}\n" for line in lines).encode())
        return {"rows": len(lines), "columns": json.dumps(columns), "size": file.stat().st_size}

    def _require_empty(self, address: str) -> None:
        if not self._files.is_empty(address):
            raise _FailedError(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory for table is not empty: {address}"
            )


def failure(reason: str, category: int = _USER) -> _Members:
    """Return the values of an execution's row that describe its failure."""
    error = {"ErrorCategory": category, "Retryable": category == _SYSTEM, "ErrorMessage": reason[:1024]}
    return {"reason": reason, "error": json.dumps(error)}
