"""Rows that engines with one database lease: each is worked on by one engine at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, delete, insert, select

from brume.aws.engine import leases, schema
from brume.aws.engine.leases import Leases, lease_columns
from brume.aws.engine.store import Store
from tests.aws.postgres import database as database

METADATA = MetaData()
WORK = Table(
    "work",
    METADATA,
    Column("name", String(9), primary_key=True),
    Column("state", String(9)),
    *lease_columns(),
)
SCHEMA = schema.Schema(schema.versions_table(METADATA))
PENDING = WORK.c.state != "DONE"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Store]:
    """A database of one engine."""
    store = Store("", tmp_path, SCHEMA)
    yield store
    store.close()


@pytest.fixture
def shared(database: str, tmp_path: Path) -> Iterator[Store]:
    """A database that engines share, without a row."""
    store = Store(database, tmp_path, SCHEMA)
    with store.write() as db:
        db.execute(delete(WORK))
    yield store
    store.close()


def add(store: Store, name: str) -> None:
    with store.write() as db:
        db.execute(insert(WORK).values(name=name, state="QUEUED"))


def state(store: Store, name: str) -> Any:
    with store.read() as db:
        return db.execute(select(WORK.c.state).filter_by(name=name)).scalar_one()


def test_a_row_is_worked_on_once_and_its_end_is_kept(own: Store) -> None:
    work = Leases(own, WORK, PENDING)
    add(own, "a")
    lease = work.take({"name": "a"}, state="RUNNING")
    assert lease is not None
    assert (lease.row.state, state(own, "a")) == ("QUEUED", "RUNNING")
    assert work.take({"name": "a"}) is None
    assert lease.renew()
    lease.end(state="DONE")
    assert state(own, "a") == "DONE"
    assert work.take({"name": "a"}) is None
    assert work.take({"name": "absent"}) is None


def test_work_ends_for_a_row_that_was_deleted_or_made_again(own: Store) -> None:
    work = Leases(own, WORK, PENDING)
    add(own, "a")
    lease = work.take({"name": "a"})
    assert lease is not None
    with own.write() as db:
        db.execute(delete(WORK))
    assert not lease.renew()
    add(own, "a")
    lease.end(state="DONE")
    assert state(own, "a") == "QUEUED"


def test_the_next_process_with_a_file_of_its_own_takes_up_at_once(own: Store) -> None:
    add(own, "a")
    killed = Leases(own, WORK, PENDING).take({"name": "a"}, state="RUNNING")
    assert killed is not None
    assert Leases(own, WORK, PENDING).take({"name": "a"}) is not None
    assert not killed.renew()


@pytest.mark.slow
def test_engines_that_share_a_database(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    engines = [Leases(shared, WORK, PENDING) for _ in range(8)]
    add(shared, "a")
    with ThreadPoolExecutor(len(engines)) as pool:
        (lease,) = [one for one in pool.map(lambda engine: engine.take({"name": "a"}), engines) if one]
    now = time.time()
    monkeypatch.setattr(leases.time, "time", lambda: now + leases.LASTS - 1)
    assert engines[0].take({"name": "a"}) is None
    monkeypatch.setattr(leases.time, "time", lambda: now + leases.LASTS + 1)
    other = engines[0].take({"name": "a"})
    assert other is not None  # the first engine was killed, or cannot reach the database
    assert not lease.renew()
    lease.end(state="DONE")
    assert state(shared, "a") == "QUEUED"
    other.end()  # the engine is stopped in good order
    assert engines[1].take({"name": "a"}) is not None
