"""The queue's tables, how the file is opened, and the counts that can be read from it."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS parts (
    number INTEGER PRIMARY KEY,         -- order at the beam
    token TEXT NOT NULL UNIQUE,
    broke_at REAL NOT NULL,             -- Unix time of the beam's break
    decision TEXT CHECK (decision IN ('pass', 'reject', 'missed')),
    source TEXT, reason TEXT, confidence REAL,
    late INTEGER NOT NULL DEFAULT 0,
    push TEXT CHECK (push IN ('planned', 'done', 'late', 'astray', 'failed', 'unknown')),
    bundle_anomalous INTEGER, bundle_confidence REAL,
    service_anomalous INTEGER, service_confidence REAL,
    delivered_at REAL, refused TEXT, tries INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS pictures (
    number INTEGER PRIMARY KEY REFERENCES parts(number),
    size INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS totals (name TEXT PRIMARY KEY, count INTEGER NOT NULL);  -- of forgotten parts
"""
_COUNTS = {
    "parts": "count(*)",
    "passed": "sum(decision = 'pass')",
    "rejected": "sum(decision = 'reject')",
    "missed": "sum(decision = 'missed')",
    "undecided": "sum(decision IS NULL)",
    "by_service": "sum(source = 'service')",
    "by_bundle": "sum(source = 'bundle')",
    "by_policy": "sum(source = 'policy')",
    "late": "sum(late)",
    "pushed": "sum(push IN ('done', 'astray'))",
    "pushes_left_out": "sum(push IN ('late', 'failed'))",
    "pushes_unknown": "sum(push = 'unknown')",
    "delivered": "sum(delivered_at IS NOT NULL)",
    "refused": "sum(refused IS NOT NULL)",
    "disagreements": "sum(bundle_anomalous <> service_anomalous)",
}
# Among the oldest, so that few rows are looked at; never the newest, whose number the next one follows.
FORGETTABLE = """decision IS NOT NULL AND broke_at < ? AND number NOT IN (SELECT number FROM pictures)
    AND number < (SELECT min(number) FROM parts) + 5000 AND number < (SELECT max(number) FROM parts)"""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file; each commit is flushed to the disk, and readers never wait for the writer."""
    where = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    base = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False, timeout=30)
    if not read_only:
        base.execute("PRAGMA auto_vacuum=INCREMENTAL")  # a long outage must not leave a huge file behind
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=FULL")
    return base


def open_or_set_aside(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open the file and make its tables; a damaged one is renamed, and its new name returned."""
    base = connect_tables(path)
    if base is not None:
        return base, None
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    base = connect_tables(path)
    assert base is not None
    return base, aside


def connect_tables(path: Path) -> sqlite3.Connection | None:
    """Open the file and make its tables; None if it is damaged."""
    base: sqlite3.Connection | None = None
    try:
        base = connect(path)
        base.executescript(_SCHEMA)
        base.execute("SELECT max(number) FROM parts").fetchone()
    except sqlite3.OperationalError:  # a full disk or missing rights: not the file's fault
        raise
    except sqlite3.DatabaseError:
        if base is not None:
            base.close()
        return None
    return base


def count(base: sqlite3.Connection, where: str, values: tuple[Any, ...] = ()) -> dict[str, int]:
    """Return the counts over the parts that a condition, made of constants alone, selects."""
    columns = ", ".join(f"coalesce({what}, 0)" for what in _COUNTS.values())
    row = base.execute(f"SELECT {columns} FROM parts WHERE {where}", values).fetchone()  # noqa: S608
    return dict(zip(_COUNTS, row, strict=True))


def counts(base: sqlite3.Connection) -> dict[str, int]:
    """Return the totals of all time, by name, with `queued` and `queued_bytes` as they are now."""
    total = count(base, "1")
    for name, forgotten in base.execute("SELECT name, count FROM totals"):
        total[name] += forgotten
    total["queued"], total["queued_bytes"] = base.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM pictures"
    ).fetchone()
    return total
