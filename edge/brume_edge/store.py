"""The durable queue: every part, its picture until delivery, and its result, in SQLite.

One thread writes. It commits what has come in together, so that the flash memory is flushed once for many
small writes, and callers wait on a future only where they need to. The log is flushed at each commit
(WAL with synchronous=FULL): what a future has promised is there after the power was cut.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from brume_edge import database
from brume_edge.part import Answer, Decision

_T = TypeVar("_T")
_BATCH = 64
_WAITING = 64 << 20  # bytes of pictures that may wait for the disk


class StoreError(Exception):
    """Something could not be stored."""


class StoreFullError(StoreError):
    """No room: on the disk, in the queue's budget, or in memory while the disk is slow."""


@dataclass(frozen=True)
class PartRecord:
    """A part as the beam saw it; `broke_at` is a Unix time."""

    number: int
    token: str
    broke_at: float

    def insert(self, base: sqlite3.Connection) -> None:
        """Record the part unless it is recorded; if the disk was full, a later call does it."""
        insert = "INSERT OR IGNORE INTO parts (number, token, broke_at) VALUES (?, ?, ?)"
        base.execute(insert, (self.number, self.token, self.broke_at))


@dataclass(frozen=True)
class QueuedPicture:
    """A picture that waits for delivery, with the decision taken meanwhile."""

    number: int
    token: str
    broke_at: float
    picture: bytes
    decision: str
    confidence: float | None
    local: Answer | None


class Store:
    """The queue in `folder`, held by one process at a time.

    `make_room` is called with a number of bytes when the disk is full, and returns whether it freed some.
    """

    def __init__(
        self, folder: Path, budget: int, make_room: Callable[[int], bool] = lambda size: False
    ) -> None:
        self.path = folder / "queue.db"
        self._budget = budget
        self._make_room = make_room
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise StoreError(f"{folder} is in use by another process: stop that one first") from error
        self._writer, self.damaged = database.open_or_set_aside(self.path)
        self._reader = database.connect(self.path)
        self._reading = threading.Lock()
        self._submitted: SimpleQueue[tuple[Callable[[sqlite3.Connection], Any], Future[Any]] | None] = (
            SimpleQueue()
        )
        self._sizes = threading.Lock()
        self._waiting = 0
        self.accepting = True  # False: the disk is nearly full, and pictures are not taken
        self.queued_bytes, self.queued = self._reader.execute(
            "SELECT coalesce(sum(size), 0), count(*) FROM pictures"
        ).fetchone()
        self.next_number: int = self._reader.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM parts"
        ).fetchone()[0]
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    def submit(self, action: Callable[[sqlite3.Connection], _T]) -> Future[_T]:
        """Have `action` run in a transaction; the future is done when that is on the disk."""
        future: Future[_T] = Future()
        self._submitted.put((action, future))
        return future

    def begin(self, part: PartRecord) -> Future[None]:
        """Note a part at the beam."""
        return self.submit(part.insert)

    def add_picture(self, part: PartRecord, data: bytes) -> Future[None]:
        """Queue a part's picture for delivery; the future may fail with StoreFullError."""
        size = len(data)
        with self._sizes:
            if (
                not self.accepting
                or self.queued_bytes + self._waiting + size > self._budget
                or self._waiting + size > _WAITING
            ):
                future: Future[None] = Future()
                future.set_exception(StoreFullError("no room for the queue of pictures"))
                return future
            self._waiting += size

        def insert(base: sqlite3.Connection) -> None:
            part.insert(base)
            base.execute("INSERT INTO pictures VALUES (?, ?, ?)", (part.number, size, data))

        def counted(future: Future[None]) -> None:
            with self._sizes:
                self._waiting -= size
                if future.exception() is None:
                    self.queued_bytes += size
                    self.queued += 1

        future = self.submit(insert)
        future.add_done_callback(counted)
        return future

    def decide(self, part: PartRecord, decision: Decision, local: Answer | None) -> Future[bool]:
        """Record the one decision of a part; the future's result: whether it was undecided."""
        values = (
            "reject" if decision.reject else "pass",
            decision.source,
            decision.reason or None,
            decision.confidence,
            int(decision.late),
            "planned" if decision.reject else None,
            *_columns(local),
            part.number,
        )
        update = """UPDATE parts SET decision=?, source=?, reason=?, confidence=?, late=?, push=?,
                    bundle_anomalous=coalesce(?, bundle_anomalous),
                    bundle_confidence=coalesce(?, bundle_confidence) WHERE number=? AND decision IS NULL"""

        def record(base: sqlite3.Connection) -> bool:
            part.insert(base)
            return base.execute(update, values).rowcount == 1

        return self.submit(record)

    def note_local(self, number: int, local: Answer) -> Future[None]:
        """Record the bundle's answer when it came after the decision."""
        update = "UPDATE parts SET bundle_anomalous=?, bundle_confidence=? WHERE number=?"
        return self.submit(lambda base: _no_result(base.execute(update, (*_columns(local), number))))

    def note_push(self, number: int, result: str) -> Future[None]:
        """Note how a planned push went (see `pins.Pusher`)."""
        update = "UPDATE parts SET push=? WHERE number=? AND push='planned'"
        return self.submit(lambda base: _no_result(base.execute(update, (result, number))))

    def deliver(self, number: int, answer: Answer) -> Future[bool]:
        """Record the service's answer and drop the picture; False if there was one already."""
        update = """UPDATE parts SET service_anomalous=?, service_confidence=?, delivered_at=?, tries=tries+1
                    WHERE number=? AND delivered_at IS NULL"""
        return self._end(number, update, (*_columns(answer), time.time(), number))

    def refuse(self, number: int, reason: str) -> Future[bool]:
        """Record that the service will never take a part's picture, and drop the picture."""
        update = "UPDATE parts SET refused=?, tries=tries+1 WHERE number=? AND delivered_at IS NULL"
        return self._end(number, update, (reason, number))

    def note_try(self, number: int) -> Future[None]:
        """Count a delivery that failed."""
        update = "UPDATE parts SET tries=tries+1 WHERE number=?"
        return self.submit(lambda base: _no_result(base.execute(update, (number,))))

    def _end(self, number: int, update: str, values: tuple[Any, ...]) -> Future[bool]:
        def end(base: sqlite3.Connection) -> tuple[bool, int]:
            new = base.execute(update, values).rowcount == 1
            gone = base.execute("DELETE FROM pictures WHERE number=? RETURNING size", (number,)).fetchone()
            return new, gone[0] if gone else 0

        result: Future[bool] = Future()

        def counted(future: Future[tuple[bool, int]]) -> None:
            if (error := future.exception()) is not None:
                result.set_exception(error)
                return
            new, size = future.result()
            with self._sizes:
                self.queued_bytes -= size
                self.queued -= size > 0
            result.set_result(new)

        self.submit(end).add_done_callback(counted)
        return result

    def recover(self) -> Future[tuple[int, int]]:
        """Close what an ended process left: parts without a decision have passed, as missed.

        Returns how many were missed, and of how many it is unknown whether a planned push was made.
        """

        def settle(base: sqlite3.Connection) -> tuple[int, int]:
            missed = base.execute(
                "UPDATE parts SET decision='missed', source='restart' WHERE decision IS NULL"
            ).rowcount
            return missed, base.execute("UPDATE parts SET push='unknown' WHERE push='planned'").rowcount

        return self.submit(settle)

    def oldest(self, without: Collection[int]) -> QueuedPicture | None:
        """Return the oldest picture in the queue but for those of the numbers in `without`."""
        query = "SELECT number FROM pictures ORDER BY number LIMIT ?"
        with self._reading:
            numbers = (row[0] for row in self._reader.execute(query, (len(without) + 1,)).fetchall())
            number = next((number for number in numbers if number not in without), None)
            row = self._reader.execute(
                """SELECT number, token, broke_at, data, coalesce(decision, ''), confidence,
                   bundle_anomalous, bundle_confidence
                   FROM parts JOIN pictures USING (number) WHERE number=?""",
                (number,),
            ).fetchone()
        if row is None:
            return None
        number, token, broke_at, data, decision, confidence, anomalous, local = row
        answer = None if anomalous is None else Answer(bool(anomalous), local)
        return QueuedPicture(number, token, broke_at, data, decision, confidence, answer)

    def counts(self) -> dict[str, int]:
        """Return the totals of all time, by name."""
        with self._reading:
            return database.counts(self._reader)

    def forget(self, before: float) -> Future[int]:
        """Drop the rows of parts that ended before a Unix time, but not their counts; free pages."""

        def drop(base: sqlite3.Connection) -> int:
            gone = database.count(base, database.FORGETTABLE, (before,))
            delete = f"DELETE FROM parts WHERE {database.FORGETTABLE}"  # noqa: S608 -- a constant
            dropped = base.execute(delete, (before,)).rowcount
            add = """INSERT INTO totals VALUES (?, ?)
                     ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"""
            base.executemany(add, gone.items())
            base.execute("PRAGMA incremental_vacuum(256)").fetchall()
            return dropped

        return self.submit(drop)

    def _run(self) -> None:
        while True:
            batch = [self._submitted.get()]
            while len(batch) < _BATCH and batch[-1] is not None:
                try:
                    batch.append(self._submitted.get_nowait())
                except Empty:
                    break
            actions = [one for one in batch if one is not None]
            if actions and not self._commit(actions) and len(actions) > 1:
                for one in actions:  # one of them spoils it for all: each by itself
                    self._commit([one])
            if len(actions) < len(batch):
                return

    def _commit(self, actions: list[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]]) -> bool:
        """Run actions in one transaction; False if that failed (a single one's future has why)."""
        base = self._writer
        for last_try in (False, True):
            try:
                base.execute("BEGIN IMMEDIATE")
                results = [action(base) for action, _ in actions]
                base.execute("COMMIT")
            except Exception as error:
                if base.in_transaction:
                    base.execute("ROLLBACK")
                full = "full" in str(error) or "I/O" in str(error)
                if full and not last_try and self._make_room(1 << 20):
                    continue
                if len(actions) == 1:
                    kind = StoreFullError if full else StoreError
                    _settle(actions[0][1], kind(f"{self.path}: {error}"), None)
                return False
            for (_, future), result in zip(actions, results, strict=True):
                _settle(future, None, result)
            return True
        return False

    def alive(self) -> bool:
        """Return whether the writing thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Write what was submitted, and release the folder to other processes."""
        self._submitted.put(None)
        self._thread.join()
        with self._reading:
            self._reader.close()
        self._writer.close()
        self._lock_file.close()


def _columns(answer: Answer | None) -> tuple[int | None, float | None]:
    return (None, None) if answer is None else (int(answer.anomalous), answer.confidence)


def _no_result(_: sqlite3.Cursor) -> None:
    """Drop the result of a statement."""


def _settle(future: Future[Any], error: Exception | None, result: Any) -> None:
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
