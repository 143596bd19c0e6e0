"""A source of a test, ingested into a lake of its own, and the rows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brume.labels.model import ingest
from brume.labels.model.lake import Lake
from tests.components.labels.ingest.contents import rows_of
from tests.components.labels.ingest.outputs import Output


class Read:
    """A source that was ingested, and its rows."""

    def __init__(self, output: Output, folder: Path) -> None:
        self.lake = Lake(str(folder / "lake"))
        self.summary = ingest.run(output.root, self.lake)
        self._connection = self.lake.connect()

    def rows(self, query: str) -> list[dict[str, Any]]:
        return rows_of(self._connection, query)

    def one(self, query: str) -> Any:
        (row,) = self.rows(query)
        return next(iter(row.values())) if len(row) == 1 else row

    def rejects(self, job: str = "cars") -> list[tuple[Any, ...]]:
        """Return file name, line, field and reason of what a job has in the table of rejects."""
        found = [row for row in self.rows("SELECT * FROM rejects") if row["job"] == job]
        assert all(row["file"] and row["reason"] and row["remedy"] for row in found)
        return [(Path(row["file"]).name, row["line"], row["field"], row["reason"]) for row in found]
