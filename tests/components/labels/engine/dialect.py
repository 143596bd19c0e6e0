"""Runs Athena's SQL in this process, as the engine's own processes do."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from brume.labels.engine import query_process
from brume.labels.engine.sql import printing
from brume.labels.engine.sql.functions import MACROS
from brume.labels.engine.sql.plan import Context, plan

CONTEXT = Context("db", ["people", "tracks"])
VIEWS = {
    "people": "SELECT * FROM (VALUES (1, 'Ann', DATE '2026-03-02', TIMESTAMP '2026-03-02 08:15:00', 1.5e0),"
    " (2, 'Bob', NULL, NULL, NULL)) AS t(id, name, born, seen, score)",
    "tracks": "SELECT 1 AS id, MAP {'moving': 'yes', 'kind': 'Car'} AS attributes,"
    " [{'label': 'Car', 'size': 2}, {'label': 'Bus', 'size': 5}] AS boxes, [10, 20] AS numbers"
    " UNION ALL SELECT 2, MAP {}, [], []",
}


@functools.cache
def _connection() -> Any:
    every = " ".join(f"{head.partition('(')[0]}(" for head in MACROS)
    return query_process.connected(
        {
            "database": CONTEXT.database,
            "views": list(VIEWS.items()),
            "files": [],
            "threads": 1,
            "memory": 1 << 28,
            "spill": 1 << 20,
            "scratch": "",
            "plan": {"query": every},
        }
    )


def ask(text: str, *parameters: str) -> list[tuple[str | None, ...]]:
    """Return the rows of a query as Athena prints them."""
    planned = dataclasses.asdict(plan(text, dataclasses.replace(CONTEXT, parameters=parameters)))
    query_process.bind(_connection(), planned)
    table = _connection().sql(planned["query"]).to_arrow_table()
    columns = [printing.printed(column.combine_chunks()).to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))


def names(text: str) -> list[str]:
    """Return the names of a query's columns."""
    planned = dataclasses.asdict(plan(text, CONTEXT))
    return list(_connection().sql(planned["query"]).columns)
