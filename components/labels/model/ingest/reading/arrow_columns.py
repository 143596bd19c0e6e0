"""Arrow columns of texts, constants, lists, structs and maps, made of Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from brume.labels.model.ingest.reading.json_values import text
from brume.labels.model.schema import NUMBER, TEXT, TEXTS

_NONE = type(None)


def texts(values: Sequence[Any], kinds: Set[type] | None = None) -> pa.Array:
    """Return a column of text; what is none is written as JSON. `kinds` are the values' types, if known."""
    if (kinds or set(map(type, values))) <= {str, _NONE}:
        return pa.array(values, TEXT)
    return pa.array([text(value) for value in values], TEXT)


def spread(counts: Sequence[int]) -> pa.Array:
    """Return, for the children of parents with these counts, the number of each one's parent."""
    return pa.array(np.repeat(np.arange(len(counts), dtype=np.int64), counts))


def constant(value: Any, count: int, kind: pa.DataType = TEXT) -> pa.Array:
    """Return a column of one value."""
    return pa.nulls(count, kind) if value is None else pa.repeat(pa.scalar(value, kind), count)


def each(values: Sequence[Any], counts: Sequence[int], kind: pa.DataType = TEXT) -> pa.Array:
    """Return a column that repeats each value as often as counted."""
    if len(values) == 1:
        return constant(values[0], counts[0], kind)
    return pa.array(values, kind).take(spread(counts))


def translate(column: pa.Array, read: Callable[[str], Any], kind: pa.DataType = TEXT) -> pa.Array:
    """Return a text column with each value read by a function, which is called once for each distinct one."""
    encoded = column.dictionary_encode()
    found = pa.array([read(value) for value in encoded.dictionary.to_pylist()], kind)
    return found.take(encoded.indices)


def nested(counts: Sequence[int], children: pa.Array) -> pa.Array:
    """Return a list column whose rows have these numbers of children."""
    return pa.ListArray.from_arrays(_offsets(counts), children)


def struct(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return a struct column of named columns."""
    return pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


def maps(rows: Sequence[Mapping[str, Any]]) -> pa.Array:
    """Return a map column of few rows, values as text."""
    lengths = [len(row) for row in rows]
    return map_column(
        lengths,
        pa.array([key for row in rows for key in row], TEXT),
        texts([value for row in rows for value in row.values()]),
    )


def map_column(lengths: Any, keys: pa.Array, values: pa.Array) -> pa.Array:
    """Return a map column whose rows have these numbers of keys and values."""
    return pa.MapArray.from_arrays(_offsets(lengths), keys, values).cast(TEXTS)


def _offsets(counts: Any) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32))


def plain_points(values: Sequence[Any]) -> pa.Array | None:
    """Return lists of points whose every point is {"x": number, "y": number}; None where one is not."""
    if set(map(type, values)) != {list}:
        return None
    points = list(chain.from_iterable(values))
    if set(map(type, points)) != {dict} or not set(map(tuple, points)) <= {("x", "y"), ("y", "x")}:
        return None
    axes = [list(map(itemgetter(axis), points)) for axis in "xy"]
    if not set(map(type, chain(*axes))) <= {float, int}:
        return None
    try:
        x, y = (pa.array(axis, NUMBER) for axis in axes)
    except pa.ArrowInvalid:  # a whole number of more than 53 bits
        return None
    return nested(list(map(len, values)), struct({"x": x, "y": y, "z": pa.nulls(len(points), NUMBER)}))
