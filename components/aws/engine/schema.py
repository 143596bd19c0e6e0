"""The schema of an engine's state, and the numbered steps by which older state becomes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, inspect, select, update

Step = Callable[[Connection], None]


class SchemaError(ValueError):
    """State that this release cannot use; the message says why, and what to do."""


def versions_table(metadata: MetaData, name: str = "schema_version") -> Table:
    """Return the table whose one row holds the version of the schema."""
    return Table(name, metadata, Column("version", Integer, nullable=False))


@dataclass(frozen=True)
class Schema:
    """The tables of an engine (those of the metadata that `versions` belongs to) and their history.

    The first release's tables have version 1. Step n makes state of version n - 1 into that of version n: it
    changes tables and rows by what they were called then, so it never uses the tables of today's metadata
    other than to create one that is new. `tokens` is the table of client tokens, where requests have them.
    """

    versions: Table
    steps: Mapping[int, Step] = field(default_factory=dict)
    tokens: Table | None = None

    def __post_init__(self) -> None:
        if sorted(self.steps) != list(range(2, self.version + 1)):
            raise TypeError(f"steps are numbered 2, 3, ... without a gap, not {sorted(self.steps)}")

    @property
    def version(self) -> int:
        """The version of today's tables."""
        return 1 + len(self.steps)

    def prepare(self, db: Connection) -> int:
        """Make the tables, or take the steps that are missing; returns the version that was found (0: none).

        `db` is one writing transaction: a step that fails leaves the state as it was. Raises `SchemaError`
        for state that a newer release wrote.
        """
        metadata = self.versions.metadata
        if not inspect(db).has_table(self.versions.name):
            metadata.create_all(db)
            db.execute(insert(self.versions).values(version=self.version))
            return 0
        found = int(db.execute(select(self.versions.c.version)).scalar_one())
        if found > self.version:
            raise SchemaError(
                f"it has version {found} of the schema, which a newer release of Brume wrote; this one knows "
                f"up to {self.version}: use that release, or another database"
            )
        for number in range(found + 1, self.version + 1):
            self.steps[number](db)
        metadata.create_all(db)
        db.execute(update(self.versions).values(version=self.version))
        return found
