"""What a lake holds, so that two lakes can be compared whatever parts they are made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from brume.labels.model import ingest
from brume.labels.model.lake import Lake
from brume.labels.model.schema import INGESTED
from tests.components.labels.ingest.outputs import Output

# What distinguishes one run from another, and not one source from another.
_OF_RUNS = {"files": ("read", "version", "facts")}


def content(lake: Lake, *tables: str) -> dict[str, list[str]]:
    """Return the rows of each table that ingest fills, as JSON without nulls, sorted."""
    connection = lake.connect()
    found = {}
    for table in INGESTED:
        if tables and table.name not in tables:
            continue
        rows = rows_of(connection, f"SELECT * FROM {table.name}")
        for row in rows:
            for name in _OF_RUNS.get(table.name, ()):
                row.pop(name, None)
        if table.name == "drift":  # the history of a lake that has one
            rows = [row for row in rows if not row["detail"].startswith("since the last run")]
        found[table.name] = sorted(json.dumps(_known(row), sort_keys=True, default=str) for row in rows)
    return found


def rows_of(connection: Any, query: str, *values: Any) -> list[dict[str, Any]]:
    """Return the rows of a query by column."""
    cursor = connection.execute(query, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def one(lake: Lake, query: str) -> Any:
    """Return the rows of a query; the value itself, of one."""
    rows = lake.connect().execute(query).fetchall()
    return rows[0][0] if len(rows) == 1 and len(rows[0]) == 1 else rows


def clean(output: Output, tmp_path: Path, *modalities: str) -> dict[str, list[str]]:
    """Return what a lake holds that is made of the present files at once."""
    fresh = Lake(str(tmp_path / "clean"))
    shutil.rmtree(fresh.uri, ignore_errors=True)
    ingest.run(output.root, fresh, modalities)
    return content(fresh)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items() if one is not None and one != {}}
    return [_known(one) for one in value] if isinstance(value, list) else value
