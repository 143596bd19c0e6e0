"""The state of visual inspection in a database: SQLite in the engine's folder, or PostgreSQL by URL.

A transaction that writes is alone (SQLite's BEGIN IMMEDIATE, an advisory lock of PostgreSQL), so that what
it read is still so when it commits; readers go on meanwhile. SQLite runs in WAL mode with synchronous=FULL:
what was answered is on the disk, whatever then happens to the process or the machine.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, delete, event, insert, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from components.aws.service import Call, ServiceError
from components.inspection.tables import VERSION, metadata, schema_version, tokens

_BUSY = 30.0  # seconds that a writer waits for another
_WRITERS = 0x6272756D65  # key of PostgreSQL's advisory lock: an arbitrary number, the same in every process
TOKEN_SECONDS = 8 * 3600.0  # for how long a client's token stands for its first request


class StoreError(RuntimeError):
    """A database that cannot be used; the message says which, and why."""


class Store:
    """The database, shared by the threads of a process."""

    def __init__(self, url: str, data: Path) -> None:
        """Open the database at `url` ("" for `data`/state.db) and make its tables where they are missing.

        Raises `StoreError` when it cannot be opened, or was written by another version of the schema.
        """
        self.url = url or f"sqlite:///{(data / 'state.db').absolute()}"
        try:
            parsed = make_url(self.url)
            if parsed.drivername in ("postgresql", "postgres"):
                parsed = parsed.set(drivername="postgresql+pg8000")
            self._sqlite = parsed.get_backend_name() == "sqlite"
            self.name = parsed.render_as_string(hide_password=True)
            if self._sqlite:
                self._engine = create_engine(
                    parsed, connect_args={"timeout": _BUSY, "check_same_thread": False}
                )
                event.listen(self._engine, "connect", _prepare_sqlite)
                event.listen(self._engine, "begin", _begin_sqlite)
            else:
                self._engine = create_engine(parsed, pool_pre_ping=True)
            with self.write() as db:
                self._check_version(db)
        except (SQLAlchemyError, ArgumentError, ImportError, OSError) as error:
            raise StoreError(
                f"the database {getattr(self, 'name', url)} cannot be opened: {error}"
            ) from error

    def _check_version(self, db: Connection) -> None:
        if not inspect(db).has_table(schema_version.name):
            metadata.create_all(db)
            db.execute(insert(schema_version).values(version=VERSION))
        found = db.execute(select(schema_version.c.version)).scalar_one()
        if found != VERSION:
            raise StoreError(
                f"the database {self.name} has version {found} of the schema, this engine needs {VERSION}: "
                "use the release of Brume that wrote it, or another database"
            )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one state of the database."""
        with self._engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield a connection that alone may write; it commits when the block ends well."""
        with self._engine.connect() as connection:
            db = connection.execution_options(writes=True)
            with db.begin():
                if not self._sqlite:
                    db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
                yield db

    def trouble(self) -> str | None:
        """Return why the database cannot be read, None when it can."""
        try:
            with self.read() as db:
                db.execute(select(schema_version.c.version)).scalar_one()
        except SQLAlchemyError as error:
            return f"the database {self.name} cannot be read: {type(error).__name__}"
        return None

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins no transactions by itself: _begin_sqlite does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(db: Connection) -> None:
    # A transaction that begins by reading and then writes fails, without waiting, when another wrote between.
    db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def once(store: Store, call: Call, request: Mapping[str, Any], resource: str, kind: str) -> Iterator[Answer]:
    """Yield a writing transaction for a request with a ClientToken, which takes effect once.

    `Answer.known` is the answer of an earlier request with the same token and parameters, else None; the
    block then sets `Answer.value`, which is kept together with what it wrote. Raises ConflictException,
    naming the resource (its `kind` is PROJECT, DATASET ...), for a token that came with other parameters.
    """
    token = str(request.get("ClientToken") or "")
    plain = {name: value for name, value in request.items() if name != "ClientToken"}
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True, default=_as_text).encode()).hexdigest()
    key = {"account": call.account, "operation": call.operation, "token": token}
    with store.write() as db:
        answer = Answer(db)
        if token:
            db.execute(delete(tokens).where(tokens.c.created < time.time() - TOKEN_SECONDS))
            found = db.execute(select(tokens).filter_by(**key)).one_or_none()
            if found and found.request != digest:
                raise ServiceError(
                    "ConflictException",
                    f"ClientToken {token} came before with other parameters of {call.operation}: "
                    "give every new request a token of its own",
                    ResourceId=resource,
                    ResourceType=kind,
                )
            if found:
                answer.known = json.loads(found.answer)
        yield answer
        if token and answer.known is None:
            written = json.dumps(answer.value)
            db.execute(insert(tokens).values(**key, request=digest, answer=written, created=time.time()))


class Answer:
    """A transaction, and what is to be answered."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.known: dict[str, Any] | None = None
        self.value: dict[str, Any] = {}


def _as_text(value: object) -> str:
    return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
