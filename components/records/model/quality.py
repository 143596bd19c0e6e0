"""What a lake knows of the quality of its export: what was read, mended and set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

_NOTES = "SELECT count(*), count(DISTINCT nullif(patient, '')), count(*) FILTER (patient = '') FROM notes"
_FILES = (
    "SELECT count(*), coalesce(sum(resources), 0)::BIGINT, coalesce(sum(repaired), 0)::BIGINT,"
    " coalesce(sum(rejects), 0)::BIGINT FROM files"
)
_REPAIRS = (
    "SELECT what, sum(count)::BIGINT, count(*), min(file) FROM repairs GROUP BY what ORDER BY 2 DESC, what"
)
_REJECTS = "SELECT file, line, count, reason, remedy FROM rejects ORDER BY file, line LIMIT ?"
_NOTE_REJECTS = "SELECT id, reason, remedy, file, line FROM note_rejects ORDER BY id LIMIT ?"
_EVERY = 2**62


@dataclass(frozen=True)
class Totals:
    """Numbers of an export; `unknown` notes name no patient that is known."""

    notes: int
    patients: int
    unknown: int
    files: int
    resources: int
    repaired: int
    rejects: int


def totals(connection: duckdb.DuckDBPyConnection) -> Totals:
    """Return the numbers of a lake that is connected to."""
    return Totals(*_rows(connection, _NOTES)[0], *_rows(connection, _FILES)[0])


def repairs(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Return what was mended: what, how often, in how many files, and the first of them."""
    return _rows(connection, _REPAIRS)


def rejects(connection: duckdb.DuckDBPyConnection, most: int = _EVERY) -> list[tuple[Any, ...]]:
    """Return the lines that were set aside: file, line, number, reason, remedy."""
    return _rows(connection, _REJECTS, most)


def note_rejects(connection: duckdb.DuckDBPyConnection, most: int = _EVERY) -> list[tuple[Any, ...]]:
    """Return attachments without a note, and notes that miss something: id, reason, remedy, file, line."""
    return _rows(connection, _NOTE_REJECTS, most)


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, *values: int) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
    return found
