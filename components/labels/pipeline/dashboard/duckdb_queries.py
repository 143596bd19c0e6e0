"""Run queries on a DuckDB connection, each read to its end before the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa


def run(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    rows: list[tuple[Any, ...]] = connection.execute(sql, list(values)).fetchall()
    return rows


def columns(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, list[Any]]:
    """Return the result of a query by column."""
    found: dict[str, list[Any]] = connection.sql(sql).to_arrow_table().to_pydict()
    return found


def count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Return the number of rows of a query."""
    return int(run(connection, f"SELECT count(*) FROM ({sql})")[0][0])  # noqa: S608 - a query of our own


def put(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Make a temporary table of an Arrow table."""
    connection.register("brume_given", table)
    run(connection, f"CREATE OR REPLACE TEMP TABLE {name} AS FROM brume_given")
    connection.unregister("brume_given")
