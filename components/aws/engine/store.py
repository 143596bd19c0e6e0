"""The state of an engine in a database: SQLite in the engine's folder, or PostgreSQL by URL.

A transaction that writes is alone (SQLite's BEGIN IMMEDIATE, an advisory lock of PostgreSQL), so that what
it read is still so when it commits; readers go on meanwhile. SQLite runs in WAL mode with synchronous=FULL:
what was answered is on the disk, whatever then happens to the process or the machine.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from brume.aws.engine.schema import Schema, SchemaError

_BUSY = 30.0  # seconds that a writer waits for another
_WRITERS = 0x6272756D65  # key of PostgreSQL's advisory lock: an arbitrary number, the same in every process

# Of every engine alike, so it is in none of their schemas.
_SECRETS = Table(
    "engine_secrets",
    MetaData(),
    Column("name", String(40), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)


class StoreError(RuntimeError):
    """A database that cannot be used; the message says which, and why."""


class Store:
    """The database, shared by the threads of a process."""

    def __init__(self, url: str, data: Path, schema: Schema) -> None:
        """Open the database at `url` ("" for `data`/state.db); make its tables, or bring them up to date.

        Raises `StoreError` when the database cannot be opened, or was written by a newer release.
        """
        self.schema = schema
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
                schema.prepare(db)
        except SchemaError as error:
            raise StoreError(f"the database {self.name} cannot be used: {error}") from error
        except (SQLAlchemyError, ArgumentError, ImportError, OSError) as error:
            raise StoreError(
                f"the database {getattr(self, 'name', url)} cannot be opened: {error}"
            ) from error

    @property
    def shared(self) -> bool:
        """Whether several engines may use the database at a time."""
        return not self._sqlite

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

    def secret(self, name: str) -> bytes:
        """Return 32 random bytes that are the same for as long as this state lasts."""
        with self.write() as db:
            _SECRETS.create(db, checkfirst=True)
            found = db.execute(select(_SECRETS.c.value).where(_SECRETS.c.name == name)).scalar()
            if found is None:
                found = secrets.token_bytes(32)
                db.execute(insert(_SECRETS).values(name=name, value=found))
        return bytes(found)

    def trouble(self) -> str | None:
        """Return why the database cannot be read, None when it can."""
        try:
            with self.read() as db:
                db.execute(select(self.schema.versions.c.version)).scalar_one()
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
