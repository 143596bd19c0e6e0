"""Statements that only look: SHOW and DESCRIBE, answered in lines as Athena does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brume.labels.engine.catalog import Catalog
from brume.labels.engine.lake_source import matching
from brume.labels.engine.sql.types import text_column
from brume.labels.model.schema import DATABASE

_HEADS = {
    "SHOW_DATABASES": ("database_name",),
    "SHOW_TABLES": ("tab_name",),
    "SHOW_VIEWS": ("views",),
    "SHOW_COLUMNS": ("field",),
    "SHOW_PARTITIONS": ("partition",),
    "SHOW_CREATE_TABLE": ("createtab_stmt",),
    "DESCRIBE_TABLE": ("col_name", "data_type", "comment"),
}
_WIDTH = 20  # characters to which Hive fills up what DESCRIBE shows


def answer(plan: Mapping[str, Any], catalog: Catalog) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the lines of the answer and its columns, as GetQueryResults describes them."""
    name = str(plan["name"])
    columns = [text_column(head, "string") for head in _HEADS[name]]
    return _lines(name, str(plan["subject"][0]), catalog), columns


def _lines(name: str, subject: str, catalog: Catalog) -> list[str]:
    if name == "SHOW_DATABASES":
        return matching([DATABASE], subject)
    tables = catalog.tables()
    if name == "SHOW_TABLES":
        return matching(list(tables), subject)
    if name == "SHOW_VIEWS":
        return []
    spec, parts = tables[subject]
    if name == "SHOW_PARTITIONS":
        return sorted(
            {
                "/".join(f"{key}={value}" for key, value in zip(spec.partitions, part.partition, strict=True))
                for part in parts
            }
            - {""}
        )
    columns = catalog.columns([subject])[subject]
    partitions = [(column, kind) for column, kind in columns if column in spec.partitions]
    plain = [(column, kind) for column, kind in columns if column not in spec.partitions]
    if name == "SHOW_COLUMNS":
        return [column for column, _ in (*plain, *partitions)]
    if name == "DESCRIBE_TABLE":
        lines = [_described(column, kind) for column, kind in (*plain, *partitions)]
        if partitions:
            heads = _described("# col_name", "data_type", "comment")
            lines += ["\t \t ", "# Partition Information\t \t ", heads, "\t \t "]
            lines += [_described(column, kind) for column, kind in partitions]
        return lines
    return _create_table(subject, plain, partitions, spec.row)


def _described(column: str, kind: str, comment: str = "") -> str:
    return "\t".join(part.ljust(_WIDTH) for part in (column, kind, comment))


def _create_table(
    table: str, plain: list[tuple[str, str]], partitions: list[tuple[str, str]], comment: str
) -> list[str]:
    def listed(columns: list[tuple[str, str]]) -> list[str]:
        lines = [f"  `{column.replace('`', '``')}` {kind}" for column, kind in columns]
        return [line + ", " for line in lines[:-1]] + [line + ")" for line in lines[-1:]]

    lines = [f"CREATE EXTERNAL TABLE `{DATABASE}.{table}`(", *listed(plain)]
    lines.append("COMMENT '" + comment.replace("'", "''") + "'")
    if partitions:
        lines += ["PARTITIONED BY ( ", *listed(partitions)]
    return [*lines, "STORED AS PARQUET"]
