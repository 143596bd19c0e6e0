"""The queue of the audio CMS, in a database: the next start takes up what a kill interrupts.

An article has one row, with the newest event of it: what came before is not worked on any more.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from brume.aws.engine import schema
from brume.aws.engine.store import Store
from brume.narration.pipeline.service.webhook import Event

WAITING, WORKING, DONE, FAILED = "waiting", "working", "done", "failed"
NEW, KNOWN, SUPERSEDED = "accepted", "known", "superseded"
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0  # seconds before another attempt

METADATA = MetaData()
ARTICLES = Table(
    "articles",
    METADATA,
    Column("id", String(200), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("type", String(20), nullable=False),
    Column("article", JSON, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),  # seconds since 1970: not before
    Column("received", Float, nullable=False),
    Column("finished", Float, nullable=False, default=0.0),
    Column("published", String(20), nullable=False, default=""),  # the version at the site
    Column("message", String(1000), nullable=False, default=""),
)
SCHEMA = schema.Schema(schema.versions_table(METADATA))


@dataclass(frozen=True)
class Work:
    """An event that is worked on, for the `attempt`-th time."""

    event: Event
    attempt: int


class Queue:
    """The events of one service; its methods may be called from any thread."""

    def __init__(self, data: Path, database: str = "") -> None:
        """Open the queue. `database` is a URL, "" for a file in `data`. Raises `StoreError`."""
        self._store = Store(database, data, SCHEMA)
        self._changed = threading.Condition()
        with self._store.write() as db:
            # The process that worked on these is gone.
            db.execute(update(ARTICLES).where(ARTICLES.c.state == WORKING).values(state=WAITING))

    def put(self, event: Event, now: float) -> str:
        """Take an event; returns NEW, KNOWN, or SUPERSEDED. A failed one is tried again."""
        with self._store.write() as db:
            found = db.execute(select(ARTICLES).where(ARTICLES.c.id == event.id)).mappings().first()
            if found is not None and found["version"] > event.version:
                return SUPERSEDED
            if found is not None and found["version"] == event.version and found["state"] != FAILED:
                return KNOWN
            values = {
                "version": event.version,
                "type": event.type,
                "article": dict(event.article),
                "state": WAITING,
                "attempts": 0,
                "due": now,
                "received": now,
                "message": "",
            }
            if found is None:
                db.execute(insert(ARTICLES).values(id=event.id, **values))
            else:
                db.execute(update(ARTICLES).where(ARTICLES.c.id == event.id).values(**values))
        self.wake()
        return NEW

    def take(self, now: float, without: frozenset[str]) -> Work | None:
        """Return the event that has been due longest, of no article in `without`; None: none."""
        with self._store.write() as db:
            row = (
                db.execute(
                    select(ARTICLES)
                    .where(ARTICLES.c.state == WAITING, ARTICLES.c.due <= now, ARTICLES.c.id.not_in(without))
                    .order_by(ARTICLES.c.due, ARTICLES.c.id)
                    .limit(1)
                )
                .mappings()
                .first()
            )
            if row is None:
                return None
            attempt = row["attempts"] + 1
            db.execute(
                update(ARTICLES).where(ARTICLES.c.id == row["id"]).values(state=WORKING, attempts=attempt)
            )
        return Work(Event(row["type"], row["id"], row["version"], row["article"]), attempt)

    def done(self, work: Work, published: str, now: float) -> None:
        """Note that an event is worked off, and the version that the site has now ("": none)."""
        self._end(work, state=DONE, finished=now, published=published, message="", article={})

    def failed(self, work: Work, message: str, now: float) -> None:
        """Note that an event cannot be worked off: only a corrected article can."""
        self._end(work, state=FAILED, finished=now, message=message[:1000], article={})

    def again(self, work: Work, message: str, now: float) -> None:
        """Note that something was not to be reached: it is tried again after a pause that grows."""
        pause = min(_FIRST_PAUSE * 2 ** min(work.attempt - 1, 20), _LONGEST_PAUSE)
        self._end(work, state=WAITING, due=now + pause, message=message[:1000])

    def _end(self, work: Work, **values: Any) -> None:
        """Write the end of a work, unless a newer event has come meanwhile."""
        with self._store.write() as db:
            same = (ARTICLES.c.id == work.event.id) & (ARTICLES.c.version == work.event.version)
            db.execute(update(ARTICLES).where(same, ARTICLES.c.state == WORKING).values(**values))
        self.wake()

    def counts(self) -> dict[str, int]:
        """Return how many articles are in each state."""
        with self._store.read() as db:
            rows = db.execute(select(ARTICLES.c.state, func.count()).group_by(ARTICLES.c.state)).all()
        return dict.fromkeys((WAITING, WORKING, DONE, FAILED), 0) | {row[0]: row[1] for row in rows}

    def rows(self, most: int) -> list[Mapping[str, Any]]:
        """Return the articles that changed last, without their text; what has failed comes first."""
        columns = [column for column in ARTICLES.c if column.name != "article"]
        order = (ARTICLES.c.state != FAILED, ARTICLES.c.received.desc(), ARTICLES.c.id)
        with self._store.read() as db:
            return [dict(row) for row in db.execute(select(*columns).order_by(*order).limit(most)).mappings()]

    def wait(self, seconds: float) -> None:
        """Wait until something has changed, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def wake(self) -> None:
        """End the waiting of all threads."""
        with self._changed:
            self._changed.notify_all()

    def trouble(self) -> str | None:
        """Return why the database cannot be read, None when it can."""
        return self._store.trouble()

    def close(self) -> None:
        """Let go of the database."""
        self._store.close()
