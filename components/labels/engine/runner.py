"""Runs the executions that wait, a few at a time, and keeps their results."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from brume import storage
from brume.aws.addresses import AddressError
from brume.aws.engine import logs
from brume.aws.engine.sandbox import Job, LateError, LostError, Sandbox
from brume.aws.engine.store import Store
from brume.labels.engine import show
from brume.labels.engine.catalog import Catalog, job
from brume.labels.engine.errors import full
from brume.labels.engine.lake_source import Source
from brume.labels.engine.result_locations import Outputs
from brume.labels.engine.settings import LabelsSettings
from brume.labels.engine.tables import executions
from brume.labels.model.lake import LakeError
from brume.storage import StorageError

QUEUED, RUNNING = "QUEUED", "RUNNING"
_PAUSES = (0.1, 1.0, 5.0, 20.0)  # seconds between the tries to note an end
_ROOM = 1 << 20  # bytes
_SYSTEM, _USER = 1, 2  # AthenaError.ErrorCategory
_log = logging.getLogger(__name__)

_Members = dict[str, Any]


class _FailedError(Exception):
    """An execution that failed, with its AthenaError category."""

    def __init__(self, reason: str, category: int = _USER) -> None:
        super().__init__(reason)
        self.category = category


class Runner:
    """Threads that see executions through; each query itself runs in a process of its own."""

    def __init__(
        self,
        store: Store,
        source: Source,
        catalog: Catalog,
        outputs: Outputs,
        sandbox: Sandbox,
        limits: LabelsSettings,
        data: Path,
        registry: CollectorRegistry,
    ) -> None:
        self._store = store
        self._source = source
        self._catalog = catalog
        self._outputs = outputs
        self._sandbox = sandbox
        self._limits = limits
        self._results = data / "results"
        self._scratch = data / "scratch"
        shutil.rmtree(self._scratch, ignore_errors=True)  # of an engine that was killed
        self._results.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._pool = ThreadPoolExecutor(limits.at_once, thread_name_prefix="query")
        self._ended = Counter(
            "brume_queries_total", "Queries that ended, by state.", ["state"], registry=registry
        )
        self._drop_strays()
        self._sweep()

    def require_room(self) -> None:
        """Raise InternalServerException when the disk has no room for a row of the state."""
        if shutil.disk_usage(self._results).free < _ROOM:
            raise full("The disk of the engine is full: make room there, or start it with another --data")

    def submit(self, identity: str, plan: _Members, text: str, cutoff: int) -> None:
        """Run an execution when its turn comes. `cutoff` is the most bytes that it may read, 0 for any."""
        self._pool.submit(self._see_through, identity, plan, text, cutoff)

    def fail(self, identity: str, reason: str) -> None:
        """End an execution that cannot start."""
        self._end(identity, "FAILED", (QUEUED,), reason=reason, error=_error(reason, _USER))

    def cancel(self, identity: str) -> None:
        """Cancel an execution that waits or runs."""
        if self._end(identity, "CANCELLED", (QUEUED, RUNNING), reason="Query cancelled by user"):
            with self._lock:
                running = self._jobs.get(identity)
            if running is not None:
                running.kill()

    def result(self, identity: str) -> Path | None:
        """Return the file of a result that is still kept."""
        for suffix in (".csv", ".txt"):
            file = self._results / f"{identity}{suffix}"
            if file.exists():
                return file
        return None

    def close(self) -> None:
        """Cancel what waits and runs, and wait for it to end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            running = list(self._jobs.values())
        for one in running:
            one.kill()
        self._pool.shutdown(wait=True)

    def _see_through(self, identity: str, plan: _Members, text: str, cutoff: int) -> None:
        if not self._begin(identity):
            return
        scratch = self._scratch / identity
        values: _Members = {}
        try:
            scratch.mkdir(parents=True)
            values = self._run(identity, plan, text, cutoff, scratch)
            state, category = "SUCCEEDED", 0
            values["reason"] = plan["warning"]
        except _FailedError as failure:
            state, category, values = "FAILED", failure.category, {"reason": str(failure)}
        except (LakeError, StorageError, AddressError) as error:
            state, category, values = "FAILED", _SYSTEM, {"reason": f"HIVE_FILESYSTEM_ERROR: {error}"}
        except OSError as error:  # without the file: places of this machine are not for the caller
            reason = f"HIVE_FILESYSTEM_ERROR: the result cannot be written: {error.strerror}"
            state, category, values = "FAILED", _SYSTEM, {"reason": reason}
        except Exception as error:
            logs.failed(_log, f"execution {identity}", error)
            state, category = "FAILED", _SYSTEM
            values = {"reason": f"INTERNAL_ERROR: {type(error).__name__}"}
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if state == "FAILED":
            values["error"] = _error(values["reason"], category)
            self._forget(identity)  # first: on a full disk, nothing can be noted while it lies there
        if not self._ended_surely(identity, state, values):
            self._forget(identity)
        self._sweep()

    def _ended_surely(self, identity: str, state: str, values: _Members) -> bool:
        """End an execution that ran, also when the database cannot be written for a while."""
        for pause in _PAUSES:
            try:
                return self._end(identity, state, (RUNNING,), **values)
            except SQLAlchemyError as error:
                _log.error("the end of execution %s cannot be noted: %s", identity, type(error).__name__)
                time.sleep(pause)
        return self._end(identity, state, (RUNNING,), **values)

    def _begin(self, identity: str) -> bool:
        with self._store.write() as db:
            waiting = update(executions).filter_by(id=identity, state=QUEUED)
            return bool(db.execute(waiting.values(state=RUNNING, started=time.time())).rowcount)

    def _end(self, identity: str, state: str, before: tuple[str, ...], **values: Any) -> bool:
        """Give an execution its last state, if its state is one of `before`; return whether it was."""
        with self._store.write() as db:
            known = update(executions).filter_by(id=identity).where(executions.c.state.in_(before))
            changed = db.execute(known.values(state=state, completed=time.time(), **values)).rowcount
        if changed:
            self._ended.labels(state).inc()
        return bool(changed)

    def _run(self, identity: str, plan: _Members, text: str, cutoff: int, scratch: Path) -> _Members:
        """Do what the plan says; returns the values of the execution's row."""
        with self._store.read() as db:
            row = db.execute(select(executions).filter_by(id=identity)).one()
        if not plan["query"]:
            return self._look(identity, plan, row.output)
        with self._source.opened(plan["tables"]) as opened:
            if cutoff and opened.size > cutoff:
                raise _FailedError(
                    "Query cancelled! : Bytes scanned limit was exceeded: the tables hold "
                    f"{opened.size} bytes, the workgroup allows {cutoff}"
                )
            file = self._results / f"{identity}{'.txt' if plan['name'] == 'EXPLAIN' else '.csv'}"
            request = job("run", opened, self._limits, self._source.root, text)
            request |= {"plan": plan, "scratch": str(scratch), "output": str(file)}
            request |= self._share(request)
            if plan["unload"]:
                self._require_empty(plan["unload"]["address"])
                request["unload_folder"] = str(scratch / "unload")
                (scratch / "unload").mkdir()
            answer = self._answered(identity, request)
        values = {"scanned": opened.size, "rows": answer["rows"], "columns": json.dumps(answer["columns"])}
        if plan["unload"]:
            self._deliver(identity, plan["unload"]["address"], scratch / "unload", row.manifest)
            return values
        if row.output:
            self._outputs.write(file, row.output)
        return values | {"size": file.stat().st_size}

    def _share(self, request: _Members) -> _Members:
        """Return how many bytes a query may write, so that all together leave the disk a part of its room."""
        share = shutil.disk_usage(self._results).free // (self._limits.at_once + 1)
        return {
            "spill": min(request["spill"], share * 3 // 4),
            "bytes": min(request["bytes"], share // 4),
            "file_size": min(request["file_size"], share),
        }

    def _answered(self, identity: str, request: _Members) -> _Members:
        running = self._sandbox.start(request)
        with self._lock:
            self._jobs[identity] = running
        try:
            with self._store.read() as db:  # it may have been cancelled before it could be killed
                if db.execute(select(executions.c.state).filter_by(id=identity)).scalar_one() != RUNNING:
                    running.kill()
            answer = running.answer(self._limits.seconds)
        except LateError:
            raise _FailedError(
                f"Query timeout: it ran for {self._limits.seconds} s, the most that one may: read less"
            ) from None
        except LostError:
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

    def _look(self, identity: str, plan: _Members, output: str) -> _Members:
        """Answer a statement that only looks at the catalog."""
        lines, columns = show.answer(plan, self._catalog)
        file = self._results / f"{identity}.txt"
        storage.write_bytes(str(file), "".join(f"{line}\n" for line in lines).encode())
        if output:
            self._outputs.write(file, output)
        return {"rows": len(lines), "columns": json.dumps(columns), "size": file.stat().st_size}

    def _require_empty(self, address: str) -> None:
        if not self._outputs.is_empty(address):
            raise _FailedError(
                f"HIVE_PATH_ALREADY_EXISTS: Target directory for table is not empty: {address}"
            )

    def _deliver(self, identity: str, address: str, folder: Path, manifest: str) -> None:
        """Write the files of an UNLOAD, and then the list of them."""
        written = []
        for file in sorted(folder.rglob("*.parquet")):
            named = file.relative_to(folder).with_name(f"{identity}_{file.name}")
            target = storage.join(address, named.as_posix())
            self._outputs.write(file, target)
            written.append(target)
        listing = folder.parent / "manifest.csv"
        listing.write_text("".join(f"{target}\n" for target in written), encoding="utf-8")
        self._outputs.write(listing, manifest)

    def _forget(self, identity: str) -> None:
        for suffix in (".csv", ".txt"):
            (self._results / f"{identity}{suffix}").unlink(missing_ok=True)

    def _drop_strays(self) -> None:
        """Remove what executions that never succeeded had written when their engine was killed."""
        with self._store.read() as db:
            kept = set(db.execute(select(executions.c.id).filter_by(state="SUCCEEDED")).scalars())
        for file in self._results.iterdir():
            if file.stem not in kept:
                file.unlink()

    def _sweep(self) -> None:
        """Drop executions that are too old or too many, and the results that are."""
        limits = self._limits
        oldest = time.time() - 86400 * limits.days
        with self._store.write() as db:
            ended = executions.c.state.not_in((QUEUED, RUNNING))
            gone = list(
                db.execute(select(executions.c.id).where(ended, executions.c.submitted < oldest)).scalars()
            )
            for account, count in db.execute(
                select(executions.c.account, func.count()).group_by(executions.c.account)
            ).all():
                if count > limits.executions:
                    first = select(executions.c.id).filter_by(account=account).where(ended)
                    surplus = first.order_by(executions.c.number).limit(count - limits.executions)
                    gone += db.execute(surplus).scalars()
            db.execute(delete(executions).where(executions.c.id.in_(gone)))
            total = int(db.execute(select(func.sum(executions.c.size))).scalar_one() or 0)
            for row in db.execute(
                select(executions.c.id, executions.c.size)
                .where(executions.c.size > 0)
                .order_by(executions.c.number)
            ):
                if total <= limits.results:
                    break
                total -= row.size
                gone.append(row.id)
                db.execute(update(executions).filter_by(id=row.id).values(size=0))
        for identity in gone:
            self._forget(identity)


def _error(reason: str, category: int) -> str:
    return json.dumps(
        {"ErrorCategory": category, "Retryable": category == _SYSTEM, "ErrorMessage": reason[:1024]}
    )
