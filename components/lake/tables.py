"""Types of columns, and what a table of a lake is."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TEXT, NUMBER, WHOLE, COUNT, FLAG = pa.string(), pa.float64(), pa.int64(), pa.int32(), pa.bool_()
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Table:
    """A table: its schema, the columns whose values name its folders, and what a row is.

    Partition columns stand in the files too. `open` names the columns whose structs have the fields that the
    data has: they differ between parts.
    """

    name: str
    row: str
    schema: pa.Schema
    partitions: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
