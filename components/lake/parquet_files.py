"""Parquet files of a lake's tables: their folders, checks of columns, writing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from brume.lake.tables import Table

ROW_GROUP = 122_880  # rows; DuckDB reads row groups in parallel
_LONG_NAME = 150  # characters of a folder; file systems take 255


class LakeError(RuntimeError):
    """A lake that cannot be read, or data that does not fit its table; the message gives the remedy."""


def folder(spec: Table, partition: Sequence[str]) -> str:
    """Return the folder of a part below the lake: its table, and a folder for each partition value.

    Values are percent-encoded; of what is too long for a folder's name a digest takes the end's place.
    """
    if len(partition) != len(spec.partitions):
        raise LakeError(f"a part of {spec.name} needs values of {', '.join(spec.partitions) or 'nothing'}")
    folders = [f"{key}={_encoded(value)}" for key, value in zip(spec.partitions, partition, strict=True)]
    return "/".join([spec.name, *folders])


def write_parquet(path: Path, spec: Table, data: pa.Table | pa.RecordBatchReader) -> tuple[int, int]:
    """Write rows of a table, zstd-compressed; return their number and the file's size in bytes.

    Columns are brought into the order and types of the table's schema, but for its open ones, which are
    taken as they come. Raises `LakeError` naming the column that is missing, unknown or of another type.
    """
    given = data.schema
    if set(given.names) != set(spec.schema.names) or len(given.names) != len(spec.schema.names):
        wrong = sorted(set(given.names) ^ set(spec.schema.names)) or given.names
        raise LakeError(f"the columns of {spec.name} are {spec.schema.names}; check {wrong}")
    columns = []
    for column in spec.schema:
        held = given.field(column.name).type
        if column.name in spec.open and not pa.types.is_null(held):
            column = column.with_type(held)
        elif held not in (column.type, pa.null()):
            raise LakeError(f"{spec.name}.{column.name} is {column.type}, not {held}")
        columns.append(column)
    target = pa.schema(columns, metadata=given.metadata)
    tables = [data] if isinstance(data, pa.Table) else (pa.Table.from_batches([batch]) for batch in data)
    rows = 0
    with pq.ParquetWriter(path, target, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.select(target.names).cast(target), row_group_size=ROW_GROUP)
            rows += table.num_rows
    return rows, path.stat().st_size


def _encoded(value: str) -> str:
    """Return a partition value as part of a path: percent-encoded; what is too long ends in a digest."""
    encoded = quote(value, safe="", errors="backslashreplace").replace("~", "%7E")
    if len(encoded) <= _LONG_NAME:
        return encoded
    return f"{encoded[:_LONG_NAME]}~{hashlib.sha256(encoded.encode()).hexdigest()[:16]}"
