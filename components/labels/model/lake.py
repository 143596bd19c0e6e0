"""The lake of labelling output: its tables, and the views of the original's manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from brume import lake
from brume.labels.model.schema import DATABASE, TABLES, manifest_table
from brume.lake.lake import Part, Snapshot
from brume.lake.tables import Table


class Lake(lake.lake.Lake):
    """A lake of labels.

    Beside its tables stand the views that AWS Glue's crawler made of the original's manifests:
    `output_manifest_<modality>`, in lower case.
    """

    tables: ClassVar[Mapping[str, Table]] = TABLES
    database: ClassVar[str] = DATABASE

    def views(self, state: Snapshot) -> dict[str, tuple[Table, Sequence[Part]]]:
        """Return every table that queries see in a state, by name: what its rows are like, and its parts."""
        found = super().views(state)
        spec, parts = found["output_manifest"]
        by_view: dict[str, list[Part]] = {}
        for part in parts:
            by_view.setdefault(manifest_table(part.partition[0]), []).append(part)
        return found | {name: (spec, some) for name, some in by_view.items()}
