"""What reading noted of a file: its rejects, and the keys that its records have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from brume.labels.model.field_rejects import FieldReject

_TYPES = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    dict: "object",
    list: "array",
    type(None): "null",
}
STEP = "ingest"
MOST = 20  # rejects of one field that a file lists one by one; the rest are counted
_MOST_KEYS = 2_000  # keys of one kind of record that a file counts: identifiers used as keys are data


@dataclass
class Keys:
    """How often each key of each kind of record occurs in a file, and with which types of value."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    types: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    unknown: set[tuple[str, str]] = field(default_factory=set)

    def add(self, record: str, key: str, count: int, kinds: Iterable[type], known: bool) -> None:
        """Count a key; `kinds` are the Python types of its values."""
        if (record, key) not in self.counts and len(self.counts) >= _MOST_KEYS:
            key, known = "(further keys)", False
        self.counts[record, key] = self.counts.get((record, key), 0) + count
        names = self.types.setdefault((record, key), set())
        names.update(_TYPES[kind] for kind in kinds)
        if not known:
            self.unknown.add((record, key))

    def add_record(self, record: str, value: Mapping[str, Any], known: Iterable[str]) -> None:
        """Count the keys of one record."""
        for key, one in value.items():
            self.add(record, key, 1, [type(one)], key in known)

    def facts(self) -> list[list[Any]]:
        """Return [record, key, count, types, known] of each key, as JSON takes it."""
        return [
            [*name, count, "|".join(sorted(self.types[name])), name not in self.unknown]
            for name, count in self.counts.items()
        ]


class Notes:
    """Rejects and keys of one file."""

    def __init__(self, file: str) -> None:
        """Start with none of `file`, a path below the source."""
        self._file = file
        self.rejects: list[FieldReject] = []
        self.keys = Keys()
        self.rows = 0
        self._more: dict[tuple[str, str], int] = {}
        self._seen: dict[tuple[str, str], int] = {}

    def reject(self, field: str, reason: str, remedy: str, line: int | None = None) -> None:
        """Note a reject; past the twentieth of a field with one remedy they are counted."""
        what = (field, remedy)
        self._seen[what] = self._seen.get(what, 0) + 1
        if self._seen[what] <= MOST:
            self.rejects.append(FieldReject(self._file, STEP, reason[:500], remedy, line, field[:200]))
        else:
            self._more[what] = self._more.get(what, 0) + 1

    def all_rejects(self) -> list[FieldReject]:
        """Return the rejects, with one more for each field that has more of them."""
        more = [
            FieldReject(self._file, STEP, f"and {count} more like this", remedy, None, field[:200])
            for (field, remedy), count in self._more.items()
        ]
        return [*self.rejects, *more]
