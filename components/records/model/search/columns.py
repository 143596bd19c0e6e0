"""Attributes, access and patients of all documents by column: conditions are masks.

Documents have ordinals in the order in which they came; a mask is a boolean array with one element for each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from brume.records.model.search.document import Access, Reader, Value
from brume.records.model.search.filters import All, Compare, Comparison, Condition, Not, Some

Mask = NDArray[np.bool_]
_K = TypeVar("_K", bound=Hashable)


class Growing:
    """An array of one dimension that grows at its end."""

    def __init__(self, kind: str, fill: float = 0) -> None:
        self._data: NDArray[np.generic] = np.full(1024, fill, kind)
        self._fill, self.size = fill, 0

    def set(self, index: int, value: float) -> None:
        """Set an element, the array growing up to it."""
        while index >= len(self._data):
            self._data = np.concatenate([self._data, np.full_like(self._data, self._fill)])
        self._data[index] = value
        self.size = max(self.size, index + 1)

    def view(self, size: int) -> NDArray[np.generic]:
        """Return the first `size` elements, those that were never set with the value for absence."""
        if size > len(self._data):
            self.set(size - 1, self._fill)
        return self._data[:size]


class Codes(Generic[_K]):
    """A column of values of which there are few: each is kept once, documents have its number."""

    def __init__(self) -> None:
        self._numbers: dict[_K, int] = {}
        self._column = Growing("int32", -1)

    def set(self, ordinal: int, value: _K) -> None:
        """Set the value of a document."""
        self._column.set(ordinal, self._numbers.setdefault(value, len(self._numbers)))

    def items(self) -> list[_K]:
        """Return the distinct values, by their numbers."""
        return list(self._numbers)

    def view(self, size: int) -> NDArray[np.generic]:
        """Return the numbers of the first `size` documents."""
        return self._column.view(size)


class Columns:
    """The columns; values are set once for an ordinal, a document that changes gets another."""

    def __init__(self) -> None:
        self.size = 0
        self._texts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self._numbers: dict[str, Growing] = {}
        self._alive = Growing("bool")
        self._access: Codes[tuple[Access, str]] = Codes()
        self._values: list[Mapping[str, Value]] = []

    def add(self, attributes: Mapping[str, Value], access: Access, patient: str) -> int:
        """Add a document's values and return its ordinal."""
        ordinal, self.size = self.size, self.size + 1
        self._alive.set(ordinal, True)
        self.grant(ordinal, access, patient)
        self._values.append(attributes)
        for key, value in attributes.items():
            if isinstance(value, (int, datetime)):
                self._numbers.setdefault(key, Growing("float64", np.nan)).set(ordinal, as_number(value))
            else:
                for one in {value} if isinstance(value, str) else set(value):
                    self._texts[key][one].append(ordinal)
        return ordinal

    def grant(self, ordinal: int, access: Access, patient: str) -> None:
        """Set who is let in to a document, and whose record it is."""
        self._access.set(ordinal, (access, patient))

    def remove(self, ordinal: int) -> None:
        """Take a document out."""
        self._alive.set(ordinal, False)

    def attributes(self, ordinal: int) -> Mapping[str, Value]:
        """Return the attributes of a document."""
        return self._values[ordinal]

    def readable(self, reader: Reader) -> Mask:
        """Return which documents exist for a reader: the one place where access is decided."""
        allowed = np.array([reader.may_read(*one) for one in self._access.items()], bool)
        alive: Mask = self._alive.view(self.size).astype(bool)
        if not len(allowed):
            return alive
        return np.asarray(alive & allowed[self._access.view(self.size).astype(int)], bool)

    def numbers(self, key: str) -> NDArray[np.float64]:
        """Return a column of numbers, of dates in seconds since 1970, NaN where there is none."""
        column = self._numbers.get(key)
        if column is None:
            return np.full(self.size, np.nan)
        return column.view(self.size).astype(float)

    def having(self, key: str, values: Iterable[str]) -> Mask:
        """Return which documents have one of these texts in an attribute."""
        found = np.zeros(self.size, bool)
        known = self._texts.get(key, {})
        for value in values:
            found[known.get(value, [])] = True
        return found

    def mask(self, condition: Condition) -> Mask:
        """Return which documents fit a condition."""
        match condition:
            case All(parts):
                return self._every(map(self.mask, parts))
            case Some(parts):
                return ~self._every(~self.mask(part) for part in parts)
            case Not(part):
                return ~self.mask(part)
            case Compare():
                return self._compare(condition)

    def _compare(self, condition: Compare) -> Mask:
        key, value = condition.key, condition.value
        if isinstance(value, (int, datetime)):
            column, wanted = self.numbers(key), as_number(value)
            with np.errstate(invalid="ignore"):
                match condition.comparison:
                    case Comparison.GREATER:
                        return column > wanted
                    case Comparison.GREATER_OR_EQUAL:
                        return column >= wanted
                    case Comparison.LESS:
                        return column < wanted
                    case Comparison.LESS_OR_EQUAL:
                        return column <= wanted
                    case _:
                        return np.asarray(column == wanted, bool)
        if condition.comparison is Comparison.CONTAINS_ANY:
            return self.having(key, [value] if isinstance(value, str) else value)
        parts = [value] if isinstance(value, str) else list(value)
        found = self._every(self.having(key, [one]) for one in parts)
        if condition.comparison is Comparison.EQUALS and not isinstance(value, str):
            exact = [ordinal for ordinal in np.flatnonzero(found) if self._is(int(ordinal), key, value)]
            found = np.zeros(self.size, bool)
            found[exact] = True
        return found

    def _every(self, masks: Iterable[Mask]) -> Mask:
        """Return where all of the masks hold."""
        found = np.ones(self.size, bool)
        for mask in masks:
            found &= mask
        return found

    def _is(self, ordinal: int, key: str, value: tuple[str, ...]) -> bool:
        mine = self._values[ordinal].get(key)
        return isinstance(mine, tuple) and set(mine) == set(value)

    def count(self, key: str, among: Mask) -> list[tuple[Value, int]]:
        """Return an attribute's values, and how many documents of `among` have each."""
        if key in self._numbers:
            seen = Counter(self._values[int(ordinal)].get(key) for ordinal in np.flatnonzero(among))
            pairs = [(value, count) for value, count in seen.items() if value is not None]
        else:
            known = self._texts.get(key, {})
            pairs = [(value, int(among[ordinals].sum())) for value, ordinals in list(known.items())]
        return sorted(
            ((value, count) for value, count in pairs if count), key=lambda pair: (-pair[1], str(pair[0]))
        )


def as_number(value: int | datetime) -> float:
    """Return a whole number or a date, without a time zone taken as UTC, as a number."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return float(value)
