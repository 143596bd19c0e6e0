"""The data sets: what each cube of the dashboard is, as a query that Athena answers.

Each is a file `data_sets/NAME.sql` in Athena's SQL over the lake's tables, named as the dashboard's cube,
with the columns that its views ask for and a column `one` that is always 1. What several workers answered
for stands with an equal share for each of them, so that a filter by worker can act and the sums stay right.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp

from brume.labels.model.lake import Lake

_TYPES = {
    "VARCHAR": "STRING",
    "DOUBLE": "DECIMAL",
    "INTEGER": "INTEGER",
    "BIGINT": "INTEGER",
    "TIMESTAMP WITH TIME ZONE": "DATETIME",
}


@dataclass(frozen=True)
class DataSet:
    """A query, and the types of its columns in QuickSight's words."""

    name: str
    sql: str
    columns: dict[str, str]


def load(database: str) -> dict[str, DataSet]:
    """Return the data sets by name, over the tables of `database`."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, Lake(folder).connect() as empty:
        for file in sorted((Path(__file__).parent / "data_sets").glob("*.sql")):
            tree = sqlglot.parse_one(file.read_text(encoding="utf-8"), read="athena")
            described = empty.sql(tree.sql(dialect="duckdb"))
            columns = {
                name: _TYPES[str(kind)] for name, kind in zip(described.columns, described.types, strict=True)
            }
            sql = _qualified(tree, database).sql(dialect="athena", identify=True, comments=False)
            found[file.stem] = DataSet(file.stem, sql, columns)
    return found


def _qualified(tree: exp.Expression, database: str) -> exp.Expression:
    """Name the database of every table that is not made by the query itself."""
    own = {common.alias for common in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name not in own:
            table.set("db", exp.to_identifier(database, quoted=True))
    return tree
