"""State of older and newer releases: brought up to date by numbered steps, or refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, select

from brume.aws.engine.schema import Schema, versions_table
from brume.aws.engine.store import Store, StoreError

OLD = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE TABLE things (name VARCHAR(10) NOT NULL PRIMARY KEY);
INSERT INTO things VALUES ('a'), ('b');
"""

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("name", String(10), primary_key=True),
    Column("state", String(10), nullable=False),
)
more = Table("more", metadata, Column("name", String(10), primary_key=True))
versions = versions_table(metadata)


def add_state(db: Connection) -> None:
    db.exec_driver_sql("ALTER TABLE things ADD COLUMN state VARCHAR(10) NOT NULL DEFAULT 'NEW'")


def age(db: Connection) -> None:
    db.exec_driver_sql("UPDATE things SET state = 'OLD' WHERE name = 'a'")


SCHEMA = Schema(versions, {2: add_state, 3: age})


def write(folder: Path, script: str) -> None:
    db = sqlite3.connect(folder / "state.db")
    db.executescript(script)
    db.close()


def test_old_state_takes_every_step_once(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    for _ in range(2):
        store = Store("", tmp_path, SCHEMA)
        with store.read() as db:
            found = {row.name: row.state for row in db.execute(select(things))}
            assert found == {"a": "OLD", "b": "NEW"}
            assert db.execute(select(more)).all() == []  # a table that is new is there
            assert db.execute(select(versions.c.version)).scalar_one() == 3
        store.close()


def test_new_state_begins_with_todays_tables(tmp_path: Path) -> None:
    store = Store("", tmp_path, SCHEMA)
    with store.write() as db:
        db.execute(things.insert().values(name="c", state="NEW"))
        assert db.execute(select(versions.c.version)).scalar_one() == 3
    store.close()


def test_state_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    write(tmp_path, OLD.replace("VALUES (1)", "VALUES (4)"))
    with pytest.raises(StoreError, match=r"version 4 of the schema, which a newer release .* up to 3"):
        Store("", tmp_path, SCHEMA)


def test_a_step_that_fails_leaves_the_state_as_it_was(tmp_path: Path) -> None:
    def fail(db: Connection) -> None:
        raise OSError("the disk is full")

    write(tmp_path, OLD)
    with pytest.raises(StoreError, match="the disk is full"):
        Store("", tmp_path, Schema(versions, {2: add_state, 3: fail}))
    store = Store("", tmp_path, SCHEMA)
    with store.read() as db:
        assert len(db.execute(select(things)).all()) == 2
    store.close()


def test_steps_are_numbered_without_a_gap() -> None:
    with pytest.raises(TypeError, match="without a gap"):
        Schema(versions, {3: age})
