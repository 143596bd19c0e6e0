"""JSON records of many documents, end to end, and their keys as Arrow columns.

A document's records are grouped by their keys (their shape), which also counts the keys. A key that all
shapes have is read without looking it up in each record.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from itertools import chain, pairwise
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from brume.labels.model.ingest.reading.arrow_columns import map_column, plain_points, texts
from brume.labels.model.ingest.reading.json_values import as_json, number, points, text, whole
from brume.labels.model.ingest.reading.notes import Notes
from brume.labels.model.schema import COUNT, NUMBER, POINTS, TEXT

MOST_FIELDS = 500  # fields of a struct of attributes; further ones are in the map alone
_NONE = type(None)
_AXES = {"x", "y", "z"}
_PLAIN = {int, float, _NONE}
_KEPT = "correct it in the job's output; the record is kept, the value is in its column extra"
Shape = tuple[str, ...]


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
        self.flat: list[Any] | None = None  # the values row by row, where all rows have one shape
        self._values: dict[str, list[Any]] = {}
        self._kinds: dict[str, Set[type]] = {}
        self._odd: dict[int, dict[str, Any]] = {}
        if len(self.all_shapes) == 1:
            self.flat = list(chain.from_iterable(map(dict.values, rows)))
            for index, key in enumerate(self.keys):
                self._values[key] = self.flat[index :: len(self.keys)]

    def __len__(self) -> int:
        return len(self.rows)

    def document(self, row: int) -> int:
        """Return the number of the document of a row."""
        return int(np.searchsorted(self._bounds, row, side="right")) - 1

    def of(self, key: str) -> list[Any]:
        """Return the values of one key, None where a record has it not; not to be changed."""
        if key not in self._values:
            if key in self._everywhere:
                self._values[key] = list(map(itemgetter(key), self.rows))
            else:
                self._values[key] = [row.get(key) for row in self.rows]
        return self._values[key]

    def kinds(self, key: str) -> Set[type]:
        """Return the types of the values of one key."""
        if key not in self._kinds:
            self._kinds[key] = set(map(type, self.of(key)))
        return self._kinds[key]

    def values(self, *names: str) -> list[Any]:
        """Return the values of the first of a key's spellings that a record has; not to be changed."""
        present = [name for name in names if name in self.keys]
        if len(present) == 1:
            return self.of(present[0])
        found: list[Any] = [None] * len(self.rows)
        for index, row in enumerate(self.rows if present else ()):
            spelt = [name for name in present if name in row]
            for name in spelt[:1]:
                found[index] = row[name]
            for name in spelt[1:]:
                self.keep(index, name, row[name])
        return found

    def texts(self, *names: str) -> pa.Array:
        """Return a column of text, of the first of a key's spellings that a record has."""
        present = [name for name in names if name in self.keys]
        if len(present) == 1:
            return texts(self.of(present[0]), self.kinds(present[0]))
        return texts(self.values(*names)) if present else pa.nulls(len(self.rows), TEXT)

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
        kinds = set(map(type, values))
        with contextlib.suppress(pa.ArrowInvalid):  # a number that does not fit, or a word
            if kinds <= _PLAIN and kind == NUMBER:
                return pa.array(values, NUMBER)
            if kinds <= {str, _NONE} and kind == COUNT:
                return pa.array(values, TEXT).cast(COUNT)
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
        if (plain := plain_points(values)) is not None:
            return plain
        found: list[Any] = []
        for index, value in enumerate(values):
            listed = None if value is None else points(value)
            if value is not None and listed is None:
                self.keep(index, names[0], value)
                self.notes[self.document(index)].reject(
                    names[0],
                    f"{str(text(value))[:80]} is not a list of points",
                    'write points as {"x": 1, "y": 2}; the record is kept, the value is in its column extra',
                )
            elif listed and any(isinstance(point, dict) and point.keys() - _AXES for point in value):
                self.keep(index, names[0], value)  # the other fields of its points
            found.append(listed)
        return pa.array(found, POINTS)

    def objects(self, *names: str) -> list[dict[str, Any]]:
        """Return the objects under a key; {} where there is none, and what is no object is kept and noted."""
        values = self.values(*names)
        if set(map(type, values)) <= {dict}:
            return values
        values = list(values)
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
        values = [as_json(value) for odd in ordered for value in odd.values()]
        return map_column(lengths, pa.array(names, TEXT), pa.array(values, TEXT))

    def count_keys(self, record: str, known: Iterable[str]) -> None:
        """Count the keys of each document's records, with the types of their values, in its notes."""
        held = set(known)
        for key in self.keys:
            values, alike = self.of(key), self.kinds(key)
            for document, (start, end) in enumerate(pairwise(self._bounds)):
                count = sum(many for shape, many in self.shapes[document].items() if key in shape)
                if not count:
                    continue
                kinds: Iterable[type]
                if len(alike) == 1:
                    kinds = alike
                elif count == end - start:
                    kinds = set(map(type, values[start:end]))
                else:
                    kinds = {type(row[key]) for row in self.rows[start:end] if key in row}
                self.notes[document].keys.add(record, key, count, kinds, key in held)


class Attributes:
    """The customer's attributes of records: objects of names and values, as a map and as a struct."""

    def __init__(self, records: Records, *names: str) -> None:
        """Find the objects under a key of the records."""
        self._inner = Records(records.objects(*names), records.lengths, records.notes)
        rows, flat = self._inner.rows, self._inner.flat
        self._flat = texts(list(chain.from_iterable(map(dict.values, rows))) if flat is None else flat)

    def count_keys(self, record: str) -> None:
        """Count the attributes as keys of a kind of record of their own; all are known."""
        self._inner.count_keys(record, self._inner.keys)

    def map(self) -> pa.Array:
        """Return the map column: every attribute, values as text."""
        rows, keys = self._inner.rows, self._inner.keys
        if self._inner.flat is None:
            lengths = np.fromiter(map(len, rows), np.int64, len(rows))
            return map_column(lengths, pa.array(list(chain.from_iterable(rows)), TEXT), self._flat)
        names = pa.array(keys, TEXT).take(pa.array(np.tile(np.arange(len(keys)), len(rows))))
        return map_column(np.full(len(rows), len(keys)), names, self._flat)

    def struct(self) -> pa.Array | None:
        """Return the struct column, a field a name; None without names.

        Names that differ by case alone share the field of the first: SQL cannot distinguish them.
        """
        spellings: dict[str, list[str]] = {}
        for key in self._inner.keys:
            spellings.setdefault(key.casefold(), []).append(key)
        chosen = list(spellings.values())[:MOST_FIELDS]
        if not chosen:
            return None
        columns = [self._column(names) for names in chosen]
        return pa.StructArray.from_arrays(columns, names=[names[0] for names in chosen])

    def _column(self, names: Sequence[str]) -> pa.Array:
        inner = self._inner
        if len(names) > 1:
            return texts(
                [next((row[name] for name in names if row.get(name) is not None), None) for row in inner.rows]
            )
        if inner.flat is None:
            return inner.texts(names[0])
        start, step = inner.keys.index(names[0]), len(inner.keys)
        return self._flat.take(pa.array(np.arange(start, len(self._flat), step)))
