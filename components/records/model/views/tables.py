"""Tables of views in Parquet: a lake of their own, which `brume sql` asks."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import pyarrow as pa

from brume.lake import lake
from brume.lake.lake import Part
from brume.lake.tables import COUNT, FLAG, NUMBER, TEXT, WHOLE, Table
from brume.records.model.lake import Lake
from brume.records.model.resources import Resource, Resources
from brume.records.model.views.definition import Column, View
from brume.records.model.views.errors import ResourceError
from brume.records.model.views.rows import Row, rows
from brume.run.rejects import Reject

_ROWS = 100_000  # of a part
_TYPES = {
    "boolean": FLAG,
    "decimal": NUMBER,
    "integer": COUNT,
    "integer64": WHOLE,
    "positiveInt": COUNT,
    "unsignedInt": COUNT,
}
# As they were written: 1.50 is not 1.5, whose first and last possible value are others.
_exact = functools.partial(json.loads, parse_float=Decimal)


@dataclass
class Written:
    """What was made: rows by the name of the view, resources that were looked at, and those set aside."""

    rows: dict[str, int]
    resources: int = 0
    rejects: list[Reject] = field(default_factory=list)


def write_tables(source: Lake, views: Sequence[View], uri: str) -> Written:
    """Apply views to the resources that hold in a lake, and write their tables to a new lake at `uri`.

    A resource that a view cannot be applied to is not in its table, and is among the rejects. Dates and times
    are texts, as FHIR states them. Raises `LakeError`.
    """
    target = _lake(uri, views)
    parts: list[Part] = []
    written = Written({view.name: 0 for view in views})
    with Resources(source, loads=_exact) as resources:
        for kind in sorted({view.resource for view in views}):
            some = [view for view in views if view.resource == kind]
            for view, found in _of_type(resources, kind, some, written):
                part = target.write(view.name, _arrow(view, found))
                written.rows[view.name] += part.rows
                parts.append(part)
    target.replace([view.name for view in views], parts)
    return written


def table_rows(uri: str) -> dict[str, int]:
    """Return the numbers of rows of the tables that `write_tables` wrote, by name; none where it did not."""
    counts: Counter[str] = Counter()
    for part in lake.Lake(uri).snapshot().all_parts:
        counts[part.table] += part.rows
    return dict(counts)


def _of_type(
    resources: Resources, kind: str, views: Sequence[View], written: Written
) -> Iterator[tuple[View, list[Row]]]:
    """Iterate the rows of views of one type of resource, at most `_ROWS` at once, and once at least."""
    held: dict[str, list[Row]] = {view.name: [] for view in views}
    for resource in resources.of(kind):
        key_of = functools.partial(_key, resources, resource)
        for view in views:
            written.resources += 1
            try:
                held[view.name] += rows(view, resource.value, key_of)
            except ResourceError as error:
                item = f"{resource.file}, line {resource.line} ({view.name})"
                remedy = "mend the resource, or change the view"
                written.rejects.append(Reject(item, "views", str(error), remedy))
            if len(held[view.name]) >= _ROWS:
                yield view, held[view.name]
                held[view.name] = []
    for view in views:
        yield view, held[view.name]


def _key(resources: Resources, of: Resource, reference: Any) -> tuple[str, str]:
    kind, _, identity = resources.resolve(reference, of).partition("/")
    return kind, identity


def _lake(uri: str, views: Sequence[View]) -> lake.Lake:
    found = {view.name: Table(view.name, f"one row of {view.resource}", _schema(view)) for view in views}

    class ViewLake(lake.Lake):
        tables: ClassVar[Mapping[str, Table]] = found
        database: ClassVar[str] = "views"
        keeps_empty: ClassVar[bool] = True

    return ViewLake(uri)


def _schema(view: View) -> pa.Schema:
    return pa.schema([(column.name, _type(column)) for column in view.columns])


def _type(column: Column) -> pa.DataType:
    kind = _TYPES.get(column.type or "", TEXT)
    return pa.list_(kind) if column.collection else kind


def _arrow(view: View, found: Sequence[Row]) -> pa.Table:
    """Return rows as an Arrow table; the file states what a row is."""
    schema = _schema(view)
    columns = list(zip(*found, strict=True)) or [()] * len(schema)
    arrays = [pa.array(values, column.type) for values, column in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema.with_metadata({"row": f"one row of {view.resource}"}))
