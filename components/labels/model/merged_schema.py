"""The schema of a table over all its parts, whose structs of attributes grow."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES, frames_type
from brume.lake.lake import Snapshot

_EMPTY = frames_type((), ())
_ON_FRAMES, _ON_LABELS = "frame-attributes", "label-category-attributes"


def whole_schema(lake: Lake, snapshot: Snapshot, table: str) -> pa.Schema:
    """Return the schema of a table in one state of the lake, with every attribute that a part has.

    Attributes are in the order of their names: the same set makes the same type. Parts of tables without
    open columns are not read.
    """
    spec = TABLES[table]
    schema = spec.schema
    if not spec.open:
        return schema
    found = [pq.read_schema(lake.fetch(part)) for part in snapshot.parts(table)]
    return pa.schema([_grown(column, [one.field(column.name) for one in found]) for column in schema])


def _grown(column: pa.Field, found: Iterable[pa.Field]) -> pa.Field:
    on_frames: set[str] = set()
    on_labels: set[str] = set()
    for one in found:
        _collect(one.type, on_frames, on_labels)
    return column.with_type(_replaced(column.type, frames_type(sorted(on_frames), sorted(on_labels))))


def _collect(kind: pa.DataType, on_frames: set[str], on_labels: set[str]) -> None:
    if pa.types.is_list(kind):
        _collect(kind.value_type, on_frames, on_labels)
    elif pa.types.is_struct(kind):
        for part in kind:
            if part.name == _ON_FRAMES:
                on_frames.update(attribute.name for attribute in part.type)
            elif part.name == _ON_LABELS:
                on_labels.update(attribute.name for attribute in part.type)
            else:
                _collect(part.type, on_frames, on_labels)


def _replaced(kind: pa.DataType, frames: pa.DataType) -> pa.DataType:
    """Return a type with `frames` in the place of frames without attributes."""
    if kind == _EMPTY:
        return frames
    if pa.types.is_list(kind):
        return pa.list_(_replaced(kind.value_type, frames))
    if pa.types.is_struct(kind):
        return pa.struct([(part.name, _replaced(part.type, frames)) for part in kind])
    return kind
