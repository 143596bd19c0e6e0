"""Columns of JSON records: a pass for each key, whatever shapes the records have.

The records of many documents are laid end to end. A document's records are grouped by their keys (their
shape), which also counts the keys; a key that all shapes have is read without asking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, pairwise, repeat
from operator import itemgetter
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from components.labels.reading.notes import Notes
from components.labels.schema import COUNT, NUMBER, POINTS, TEXT, TEXTS

MOST_FIELDS = 500  # fields of a struct of attributes; further ones are in the map alone
_NONE = type(None)
_AXES = {"x", "y", "z"}
_PLAIN = {int, float, _NONE}
_KEPT = "correct it in the job's output; the record is kept, the value is in its column extra"
Shape = tuple[str, ...]


def text(value: Any) -> str | None:
    """Return a JSON value as text: a string as it is, null as None, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def number(value: Any) -> float | None:
    """Return a number, or one written as a string; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 1e300 else None


def whole(value: Any) -> int | None:
    """Return a whole number of 32 bits, or one written as a string; None for anything else."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < 2**31 else None


def texts(values: Sequence[Any]) -> pa.Array:
    """Return a column of text; values that are none are written as JSON."""
    if set(map(type, values)) <= {str, _NONE}:
        return pa.array(values, TEXT)
    return pa.array([text(value) for value in values], TEXT)


class Records:
    """JSON objects of several documents, end to end."""

    def __init__(self, rows: list[dict[str, Any]], lengths: Sequence[int], notes: Sequence[Notes]) -> None:
        """Take the objects, the number of them in each document, and each document's notes."""
        self.rows = rows
        self.lengths = lengths
        self.notes = notes
        self._bounds = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        self.shapes: list[Counter[Shape]] = [
            Counter(map(tuple, rows[start:end])) for start, end in pairwise(self._bounds)
        ]
        self.all_shapes: set[Shape] = set().union(*self.shapes)
        self._everywhere = set.intersection(*map(set, self.all_shapes)) if self.all_shapes else set()
        ordered = sorted(self.all_shapes, key=lambda shape: (-len(shape), shape))
        self.keys = list(dict.fromkeys(chain.from_iterable(ordered)))
        self._odd: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def document(self, row: int) -> int:
        """Return the number of the document of a row."""
        return int(np.searchsorted(self._bounds, row, side="right")) - 1

    def values(self, *names: str) -> list[Any]:
        """Return the values of a key, or of the first of its spellings that a record has; None without."""
        present = [name for name in names if name in self.keys]
        if not present:
            return [None] * len(self.rows)
        name, *others = present
        if name in self._everywhere:
            found = list(map(itemgetter(name), self.rows))
        else:
            found = [row.get(name) for row in self.rows]
        for other in others:
            for index, row in enumerate(self.rows):
                if other not in row:
                    continue
                if name not in row and found[index] is None:
                    found[index] = row[other]
                else:
                    self.keep(index, other, row[other])
        return found

    def keep(self, row: int, key: str, value: Any) -> None:
        """Keep a value that its column cannot hold: `extra` has it."""
        self._odd.setdefault(row, {})[key] = value

    def numbers(self, *names: str) -> pa.Array:
        """Return a column of numbers; what is none is null, kept in `extra` and noted."""
        return self._typed(names, NUMBER, number, "a number")

    def wholes(self, *names: str) -> pa.Array:
        """Return a column of whole numbers of 32 bits, likewise."""
        return self._typed(names, COUNT, whole, "a whole number")

    def _typed(
        self, names: Sequence[str], kind: pa.DataType, read: Callable[[Any], Any], what: str
    ) -> pa.Array:
        if not any(name in self.keys for name in names):
            return pa.nulls(len(self.rows), kind)
        values = self.values(*names)
        if kind == NUMBER and set(map(type, values)) <= _PLAIN:
            try:
                return pa.array(values, NUMBER)
            except pa.ArrowInvalid:  # a whole number of more than 53 bits
                pass
        found = [read(value) for value in values]
        for index, (before, after) in enumerate(zip(values, found, strict=True)):
            if after is None and before is not None:
                self.keep(index, names[0], before)
                self.notes[self.document(index)].reject(
                    names[0],
                    f"{str(text(before))[:80]} is not {what}",
                    _KEPT,
                )
        return pa.array(found, kind)

    def points(self, *names: str) -> pa.Array:
        """Return a column of lists of points ({"x", "y", "z"} or [x, y, z]), kept and noted likewise."""
        if not any(name in self.keys for name in names):
            return pa.nulls(len(self.rows), POINTS)
        values = self.values(*names)
        found: list[Any] = []
        for index, value in enumerate(values):
            listed = None if value is None else _points(value)
            if value is not None and listed is None:
                self.keep(index, names[0], value)
                self.notes[self.document(index)].reject(
                    names[0],
                    f"{str(text(value))[:80]} is not a list of points",
                    'write points as {"x": 1, "y": 2}; the record is kept, the value is in its column extra',
                )
            elif listed and any(isinstance(point, dict) and point.keys() - _AXES for point in value):
                self.keep(index, names[0], value)  # what else is said of its points
            found.append(listed)
        return pa.array(found, POINTS)

    def objects(self, *names: str) -> list[dict[str, Any]]:
        """Return the objects under a key; {} where there is none, and what is no object is kept and noted."""
        values = self.values(*names)
        if set(map(type, values)) <= {dict}:
            return values
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                if value is not None:
                    self.keep(index, names[0], value)
                    self.notes[self.document(index)].reject(
                        names[0],
                        f"{str(text(value))[:80]} is not an object of names and values",
                        _KEPT,
                    )
                values[index] = {}
        return values

    def further(self, known: Iterable[str]) -> pa.Array:
        """Return the map column of what no column holds, values as JSON. Call it last."""
        held = set(known)
        strange = {shape: [key for key in shape if key not in held] for shape in self.all_shapes}
        strange = {shape: keys for shape, keys in strange.items() if keys}
        if strange:
            for index, row in enumerate(self.rows):
                for key in strange.get(tuple(row), ()):
                    self.keep(index, key, row[key])
        lengths = np.zeros(len(self.rows), np.int64)
        for index, odd in self._odd.items():
            lengths[index] = len(odd)
        ordered = [self._odd[index] for index in sorted(self._odd)]
        names = list(chain.from_iterable(ordered))
        values = [orjson.dumps(value).decode() for odd in ordered for value in odd.values()]
        return _map(lengths, pa.array(names, TEXT), pa.array(values, TEXT))

    def count_keys(self, record: str, known: Iterable[str]) -> None:
        """Count the keys of each document's records, with the types of their values, in its notes."""
        held = set(known)
        for key in self.keys:
            values = self.values(key)
            alike = set(map(type, values))
            for number, (start, end) in enumerate(pairwise(self._bounds)):
                count = sum(many for shape, many in self.shapes[number].items() if key in shape)
                if not count:
                    continue
                kinds: Iterable[type]
                if len(alike) == 1:
                    kinds = alike
                elif count == end - start:
                    kinds = set(map(type, values[start:end]))
                else:
                    kinds = {type(row[key]) for row in self.rows[start:end] if key in row}
                self.notes[number].keys.add(record, key, count, kinds, key in held)


class Attributes:
    """The customer's attributes of records: objects of names and values, as a map and as a struct."""

    def __init__(self, records: Records, *names: str) -> None:
        """Find the objects under a key of the records."""
        self._inner = Records(records.objects(*names), records.lengths, records.notes)

    def count_keys(self, record: str) -> None:
        """Count the attributes as keys of a kind of record of their own; all are known."""
        self._inner.count_keys(record, self._inner.keys)

    def map(self) -> pa.Array:
        """Return the map column: every attribute, values as text."""
        rows = self._inner.rows
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        values = list(chain.from_iterable(map(dict.values, rows)))
        return _map(lengths, pa.array(list(chain.from_iterable(rows)), TEXT), texts(values))

    def struct(self) -> pa.Array | None:
        """Return the struct column, a field a name; None without names.

        Names that differ by case alone share the field of the first: SQL cannot tell them apart.
        """
        spellings: dict[str, list[str]] = {}
        for key in self._inner.keys:
            spellings.setdefault(key.casefold(), []).append(key)
        chosen = list(spellings.values())[:MOST_FIELDS]
        if not chosen:
            return None
        columns = [texts(self._values(names)) for names in chosen]
        return pa.StructArray.from_arrays(columns, names=[names[0] for names in chosen])

    def _values(self, names: Sequence[str]) -> list[Any]:
        if len(names) == 1:
            return self._inner.values(names[0])
        return [
            next((row[name] for name in names if row.get(name) is not None), None) for row in self._inner.rows
        ]


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
    return _map(
        lengths,
        pa.array([key for row in rows for key in row], TEXT),
        texts([value for row in rows for value in row.values()]),
    )


def _map(lengths: Any, keys: pa.Array, values: pa.Array) -> pa.Array:
    return pa.MapArray.from_arrays(_offsets(lengths), keys, values).cast(TEXTS)


def _offsets(counts: Any) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32))


def _points(value: Any) -> list[dict[str, float | None]] | None:
    if not isinstance(value, list):
        return None
    found = []
    for point in value:
        if isinstance(point, dict):
            place = [number(point.get(axis)) for axis in "xyz"]
        elif isinstance(point, list) and len(point) in (2, 3):
            place = [*map(number, point), *repeat(None, 3 - len(point))]
        else:
            return None
        if place[0] is None or place[1] is None:
            return None
        found.append(dict(zip("xyz", place, strict=True)))
    return found
