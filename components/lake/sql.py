"""A lake's tables in DuckDB's SQL: names, texts, types, and the query for the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from brume.lake.tables import COUNT, FLAG, NUMBER, TEXT, WHOLE, Table


def select(spec: Table, files: Sequence[Path]) -> str:
    """Return the query for the rows of a table that lie in `files`."""
    if files:
        listed = ", ".join(literal(str(file)) for file in files)
        # Open structs differ between parts, and only matching by name makes one of them.
        options = f"hive_partitioning = false, union_by_name = {bool(spec.open)}"
        return f"SELECT * FROM read_parquet([{listed}], {options})"  # noqa: S608 - quoted above
    typed = [(identifier(column.name), sql_type(column.type)) for column in spec.schema]
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in typed)
    return f"SELECT {columns} WHERE false"


def identifier(name: str) -> str:
    """Quote a name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL where no parameter can stand, as in the definition of a view."""
    return "'" + text.replace("'", "''") + "'"


def sql_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of an Arrow type that a schema uses."""
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{identifier(part.name)} {sql_type(part.type)}' for part in kind)})"
    if pa.types.is_map(kind):
        return f"MAP({sql_type(kind.key_type)}, {sql_type(kind.item_type)})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    names = {
        TEXT: "VARCHAR",
        NUMBER: "DOUBLE",
        WHOLE: "BIGINT",
        COUNT: "INTEGER",
        FLAG: "BOOLEAN",
        pa.binary(): "BLOB",
    }
    return names[kind]
