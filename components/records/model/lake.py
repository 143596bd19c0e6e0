"""The lake of records: its tables, and the view of the resources that hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import duckdb

from brume.lake import lake
from brume.lake.lake import Snapshot
from brume.lake.tables import Table
from brume.records.model.tables import TABLES

# The newest version of each resource that was not deleted after it. Keys are compared, texts are not sorted.
_PRESENT = """
CREATE VIEW present AS
SELECT * FROM resources SEMI JOIN (
    SELECT file, number FROM (SELECT type, id, updated, file, number FROM resources) versions
    ANTI JOIN deletions ON deletions.type = versions.type AND deletions.id = versions.id
        AND (deletions.time IS NULL OR versions.updated IS NULL OR versions.updated <= deletions.time)
    QUALIFY row_number() OVER (
        PARTITION BY type, id ORDER BY updated DESC NULLS LAST, file DESC, number DESC
    ) = 1
) newest USING (file, number)
"""


class Lake(lake.Lake):
    """A lake of FHIR resources and the notes in them.

    Beside its tables stands the view `present`: of each resource the version that was changed last (or else
    stands in the last file), without those that an export names as deleted.
    """

    tables: ClassVar[Mapping[str, Table]] = TABLES
    database: ClassVar[str] = "records"

    def connect(
        self, snapshot: Snapshot | None = None, *, scratch: Path | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection to one state, as the base class does, with the view `present`."""
        connection = super().connect(snapshot, scratch=scratch)
        connection.execute(_PRESENT)
        return connection
