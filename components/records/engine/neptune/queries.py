"""SPARQL requests that wait and run: each alone in its process, listed, limited and cancelled."""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Metric

from brume.aws.engine.sandbox import Job, LateError, LostError, Sandbox
from brume.aws.engine.service import Call
from brume.records.engine.neptune.errors import NeptuneError
from brume.records.engine.neptune.generations import Generations
from brume.records.engine.neptune.readers import Readers
from brume.records.engine.neptune.settings import GraphSettings

MOST = 24  # requests that wait and run: below what the engine has places for, so that one can cancel them
_OF_KEY = MOST - 8  # of them, those of one key that may not change the graph: others are let in beside it
_PAUSE = 0.05  # seconds between looks whether a request that waits was cancelled
_SHORT = 1.0  # seconds: what a longer query leaves in its process is not kept
_CANCELLED = ("CancelledByUserException", "Operation terminated (cancelled by user)")


class SilentlyCancelledError(Exception):
    """A request that is answered as one without results, since it was cancelled silently."""


@dataclass
class Query:
    """A request that waits or runs."""

    id: str
    account: str
    text: str
    key: str  # the access key that asks
    began: float = field(default_factory=time.monotonic)
    waits: bool = False  # for a place among those that run
    placed: bool = False
    running: bool = False
    cancelled: bool = False
    silent: bool = False
    job: Job | None = None


class Queries:
    """The requests of one engine."""

    def __init__(
        self, sandbox: Sandbox, generations: Generations, limits: GraphSettings, registry: CollectorRegistry
    ) -> None:
        self._sandbox, self._generations, self._limits = sandbox, generations, limits
        self._readers = Readers(sandbox, limits.sparql_at_once)
        generations.watch(self._readers.publish)
        self._lock = threading.Lock()
        self._known: dict[str, Query] = {}
        self._places = threading.Condition(self._lock)
        self._ended = Metric(
            "brume_sparql_total", "SPARQL requests that ended, by how.", ["end"], registry=registry
        )

    @contextlib.contextmanager
    def listed(self, call: Call, text: str, given: str, *, limited: bool = False) -> Iterator[Query]:
        """List a request while the block runs, under the id that its client gave, else a new one.

        Raises `NeptuneError` when the id is none or in use, or when too many wait already.
        """
        query = self.enter(call, text, given, limited=limited)
        try:
            yield query
        finally:
            self.leave(query)

    def enter(self, call: Call, text: str, given: str, *, limited: bool = False) -> Query:
        """List a request, as `listed` does, until `leave`; a `limited` key leaves places to others."""
        identity = require_uuid(given) if given else str(uuid.uuid4())
        with self._lock:
            if identity in self._known:
                raise NeptuneError("BadRequestException", f"queryId {identity} is in use: give another")
            if len(self._known) >= MOST:
                raise NeptuneError("TooManyRequestsException", f"{MOST} requests wait and run: try again")
            if limited and sum(one.key == call.access_key for one in self._known.values()) >= _OF_KEY:
                raise NeptuneError(
                    "TooManyRequestsException", f"{_OF_KEY} requests of this key wait and run: try again"
                )
            query = self._known[identity] = Query(identity, call.account, text, call.access_key)
        return query

    def leave(self, query: Query) -> None:
        """Take a request from the list."""
        with self._lock:
            self._known.pop(query.id, None)

    def read(self, query: Query, request: Mapping[str, Any]) -> Iterator[bytes]:
        """Run a query; the iterator's first item comes when its result begins well, and has to be asked for.

        Raises `NeptuneError` before the first item. After it, what ends the result early raises `LostError`,
        or `ConnectionAbortedError` where that was a cancel: the client gets no end.
        """
        self._wait(query)
        try:
            with self._generations.reading() as generation:
                began, since = False, time.monotonic()
                try:
                    job = self._read_by(query, generation, request)
                    answer, parts = job.stream(self._limits.sparql_seconds, keep=True)
                    _require_done(answer)
                    for part in parts:
                        began = True
                        yield part
                    self._ended.labels("done").inc()
                    self._keep(query, generation, short=time.monotonic() - since < _SHORT)
                except LostError as error:
                    if began and query.cancelled:
                        raise ConnectionAbortedError from None
                    if began:
                        raise
                    raise self._why(query, error) from error
        finally:
            self._release(query)

    def ask(self, query: Query, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run a job that reads the graph and has no bytes. Raises `NeptuneError`."""
        self._wait(query)
        try:
            with self._generations.reading() as generation:
                return self._answer(query, {**request, "generation": str(generation)})
        finally:
            self._release(query)

    def change(self, query: Query, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run a job that changes the graph; it has changed when this returns. Raises `NeptuneError`."""
        end = time.monotonic() + self._limits.sparql_seconds
        try:
            with self._generations.changing(lambda: query.cancelled or time.monotonic() > end) as change:
                places = {"generation": str(change.generation), "folder": str(change.folder)}
                answer = self._answer(query, {**request, **places})
                change.publish()
            return answer
        except InterruptedError:
            if query.cancelled:
                raise self._why(query, LostError()) from None
            raise NeptuneError(
                "ConcurrentModificationException", "another change to the graph goes on: try again"
            ) from None

    def list(self, call: Call, *, others: bool) -> dict[str, Any]:
        """Return the requests of a key, or with `others` of its account, as Neptune lists them."""
        with self._lock:
            mine = [query for query in self._known.values() if _is_of(query, call, others)]
        return {
            "acceptedQueryCount": len(mine),
            "runningQueryCount": sum(query.running for query in mine),
            "queries": [self.describe(query) for query in mine],
        }

    def find(self, call: Call, identity: str, *, others: bool) -> Query | None:
        """Return a request of a key, or with `others` of its account, by its id."""
        with self._lock:
            query = self._known.get(identity)
        return query if query is not None and _is_of(query, call, others) else None

    @staticmethod
    def describe(query: Query) -> dict[str, Any]:
        """Return a request as Neptune describes it."""
        elapsed = int((time.monotonic() - query.began) * 1000)
        stats = {"subqueries": 0, "elapsed": elapsed, "cancelled": query.cancelled}
        return {"queryId": query.id, "queryEvalStats": stats, "queryString": query.text}

    def cancel(self, query: Query, *, silent: bool) -> None:
        """End a request; its client gets an error, or with `silent` a result without rows."""
        with self._lock:  # a job that was kept may be another request's by now
            query.silent = silent
            query.cancelled = True
            if query.job is not None:
                query.job.kill()

    def close(self) -> None:
        """End every request."""
        with self._lock:
            known = list(self._known.values())
        for query in known:
            self.cancel(query, silent=False)
        self._readers.close()

    def _wait(self, query: Query) -> None:
        """Wait for a place among those that run: keys that have fewer there go first."""
        with self._places:
            query.waits = True
            try:
                while not self._is_next(query):
                    if query.cancelled:
                        raise self._why(query, LostError())
                    self._places.wait(_PAUSE)
                query.placed = True
            finally:
                query.waits = False

    def _is_next(self, query: Query) -> bool:
        placed = Counter(one.key for one in self._known.values() if one.placed)
        waiting = [one for one in self._known.values() if one.waits]
        first = min(waiting, key=lambda one: placed[one.key])  # the first of these that came
        return placed.total() < self._limits.sparql_at_once and first is query

    def _release(self, query: Query) -> None:
        with self._places:
            query.placed = False
            self._places.notify_all()

    def _begun(self, query: Query, job: Job) -> Job:
        query.running = True
        query.job = job
        if query.cancelled:  # before there was anything to kill
            job.kill()
        return job

    def _read_by(self, query: Query, generation: Path, request: Mapping[str, Any]) -> Job:
        limited = {**request, "memory": self._limits.sparql_memory}
        return self._begun(query, self._readers.begin(query.account, query.key, generation, limited))

    def _keep(self, query: Query, generation: Path, *, short: bool) -> None:
        with self._lock:
            job, query.job = query.job, None
        assert job is not None
        if short and not query.cancelled:
            self._readers.keep(query.account, query.key, generation, job)
        else:
            job.end()

    def _answer(self, query: Query, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            job = self._sandbox.start({**request, "memory": self._limits.sparql_memory})
            answer = self._begun(query, job).answer(self._limits.sparql_seconds)
        except LostError as error:
            raise self._why(query, error) from error
        _require_done(answer)
        self._ended.labels("done").inc()
        return answer

    def _why(self, query: Query, error: LostError) -> Exception:
        """Return what a request is answered whose process ended without an answer."""
        if query.cancelled:
            self._ended.labels("cancelled").inc()
            return SilentlyCancelledError() if query.silent else NeptuneError(*_CANCELLED)
        if isinstance(error, LateError):
            self._ended.labels("late").inc()
            return NeptuneError(
                "TimeLimitExceededException",
                f"Operation terminated (deadline exceeded): it ran for {self._limits.sparql_seconds} s; "
                "ask for less, or set BRUME_SPARQL_SECONDS",
            )
        self._ended.labels("lost").inc()
        return NeptuneError(
            "MemoryLimitExceededException",
            f"Operation terminated (out of memory): one may have {self._limits.sparql_memory >> 20} MB; "
            "ask for less, or set BRUME_SPARQL_MEMORY",
        )


def _is_of(query: Query, call: Call, others: bool) -> bool:
    return query.account == call.account and (others or query.key == call.access_key)


def _require_done(answer: Mapping[str, Any]) -> None:
    failed = answer.get("failed")
    if failed is None:
        return
    if isinstance(failed, str):  # of the process itself
        raise NeptuneError("InternalFailureException", "the request failed within the server")
    raise NeptuneError(*failed)


def require_uuid(text: str) -> str:
    """Return the id of a request. Raises `NeptuneError` for what is none."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise NeptuneError(
            "InvalidParameterException", f"Invalid queryId (not a UUID): {text[:100]}"
        ) from None
