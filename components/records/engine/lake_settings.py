"""The lake of a pipeline, from which the engine takes what its services are not given."""

from __future__ import annotations

from dataclasses import dataclass

from brume.variables import variable


@dataclass(frozen=True)
class LakeSettings:
    """Where the lake is."""

    lake: str = variable(
        "BRUME_RECORDS_LAKE",
        "",
        "lake of the records pipeline, a folder or s3:// prefix: its codes are found in notes, and pages "
        "show what it has",
    )
