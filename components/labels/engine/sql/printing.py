"""Values as Athena prints them in results, a column at a time.

Arrays are `[a, b]`, rows and maps `{k=v}`, times have milliseconds, doubles are as Java's Double.toString
writes them. NULL stays NULL, and is `null` within another value. Source: result files of Athena engine
version 3. Columns are Arrow's, and nested ones are printed from the leaves up: a million labels with their
attributes would take Python's own values a minute.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.string()


def lines(batch: pa.RecordBatch, most: int) -> bytes | None:
    """Return rows as lines of CSV: every value in quotes, NULL as nothing. None if a line exceeds `most`."""
    cells = [_quoted(printed(column)) for column in batch.columns]
    cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "", null_handling="replace", null_replacement="")
    rows = pc.binary_join_element_wise(*cells, ",", null_handling="replace", null_replacement="")
    if (pc.max(pc.binary_length(rows)).as_py() or 0) > most:
        return None
    return _bytes(rows)


def header(names: list[str]) -> bytes:
    """Return the first line of a CSV file."""
    return (",".join('"' + name.replace('"', '""') + '"' for name in names) + "\n").encode()


def _quoted(texts: pa.Array) -> pa.Array:
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.binary_join_element_wise('"', doubled, '"', "")


def _bytes(texts: pa.Array) -> bytes:
    """Return texts, none of which is null, one after the other."""
    offsets = pa.Array.from_buffers(
        pa.int32(), len(texts) + 1, [None, texts.buffers()[1]], offset=texts.offset
    )
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    data = texts.buffers()[2]
    return data[start:end].to_pybytes() if data is not None else b""


def printed(column: pa.Array) -> pa.Array:
    """Return the texts of a column."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _list(column)
    if pa.types.is_map(kind):
        return _map(column)
    if pa.types.is_struct(kind):
        return _struct(column)
    if pa.types.is_floating(kind):
        return _floating(column)
    if pa.types.is_timestamp(kind):
        texts = pc.cast(pc.cast(column, pa.timestamp("ms"), safe=False), _TEXT)
        return texts if kind.tz is None else _joined(column, texts, " UTC")
    if pa.types.is_time(kind):
        return pc.cast(pc.cast(column, pa.time32("ms"), safe=False), _TEXT)
    if pa.types.is_decimal(kind):
        return _each(column, lambda value: format(value, "f")) if kind.scale > 6 else pc.cast(column, _TEXT)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _each(column, lambda value: bytes(value).hex(" "))
    if pa.types.is_interval(kind) or pa.types.is_duration(kind):
        return _each(column, _interval)
    return pc.cast(column, _TEXT)


def _each(column: pa.Array, show: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else show(value) for value in column.to_pylist()], _TEXT)


def _joined(column: pa.Array, *parts: pa.Array | str) -> pa.Array:
    """Return parts of texts one after the other; a null part is the word, a null of the column stays one."""
    texts = pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="null")
    return pc.if_else(pc.is_valid(column), texts, pa.scalar(None, _TEXT)) if column.null_count else texts


def _items(column: pa.Array, texts: pa.Array, offsets: pa.Array) -> pa.Array:
    """Return for each list its items' texts with commas between."""
    listed = pa.ListArray.from_arrays(pc.cast(offsets, pa.int32()), pc.fill_null(texts, "null"))
    return pc.binary_join(listed, ", ")


def _list(column: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_list(column.type):
        column = pc.cast(column, pa.list_(column.type.value_type))
    first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
    texts = printed(column.values.slice(first, last - first))
    return _joined(column, "[", _items(column, texts, pc.subtract(column.offsets, first)), "]")


def _map(column: pa.Array) -> pa.Array:
    first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
    keys = printed(column.keys.slice(first, last - first))
    items = pc.fill_null(printed(column.items.slice(first, last - first)), "null")
    pairs = pc.binary_join_element_wise(keys, items, "=")
    return _joined(column, "{", _items(column, pairs, pc.subtract(column.offsets, first)), "}")


def _struct(column: pa.Array) -> pa.Array:
    parts: list[pa.Array | str] = []
    for place, (field, values) in enumerate(zip(column.type, column.flatten(), strict=True)):
        parts += [f"{', ' if place else '{'}{_field(field.name, place)}=", printed(values)]
    return _joined(column, *(parts or [pa.repeat("{", len(column))]), "}")


def _field(name: str, place: int) -> str:
    """Return the name of a field; those of ROW(1, 2) have none, and Athena numbers them."""
    return f"field{place}" if name in (f"_{place}", f"element{place + 1}") else name


def _floating(column: pa.Array) -> pa.Array:
    """Return numbers from 0.001 to 10,000,000 with a point, and the others as 1.5E-4."""
    texts = pc.cast(column, _TEXT)
    whole = pc.invert(pc.match_substring(texts, "."))
    texts = pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    size = pc.abs(column)
    usual = pc.or_(pc.equal(size, 0), pc.and_(pc.greater_equal(size, 1e-3), pc.less(size, 1e7)))
    if pc.all(usual, skip_nulls=True, min_count=0).as_py():
        return texts
    shortest = pc.cast(column, _TEXT)
    kept = zip(texts.to_pylist(), usual.to_pylist(), shortest.to_pylist(), strict=True)
    return pa.array([text if fits or text is None else _java(short) for text, fits, short in kept], _TEXT)


def _java(text: str) -> str:
    """Return the shortest digits of a number in Java's way, with an exponent."""
    value = float(text)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    written = "".join(map(str, digits))
    power = len(written) - 1 + int(exponent)
    return f"{'-' if sign else ''}{written[0]}.{written[1:] or '0'}E{power}"


def _interval(value: Any) -> str:
    if isinstance(value, tuple):  # months, days, nanoseconds
        months, days, nanoseconds = value
        value = dt.timedelta(days=30 * months + days, microseconds=nanoseconds // 1000)
    sign, left = ("-", -value) if value < dt.timedelta() else ("", value)
    minutes, seconds = divmod(left.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{left.days} {hours:02d}:{minutes:02d}:{seconds:02d}.{left.microseconds // 1000:03d}"
