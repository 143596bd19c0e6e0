"""Settings of Comprehend Medical's part of the engine, which come from its environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.variables import number, variable


@dataclass(frozen=True)
class EntitySettings:
    """What entities are found with."""

    rxnorm: str = variable(
        "BRUME_RECORDS_RXNORM",
        "",
        "folder or s3:// URI with RXNCONSO.RRF, for codes of drugs; none are given if empty",
    )
    entity_jobs: int = variable(
        "BRUME_RECORDS_ENTITY_JOBS", 2, "batch jobs of Comprehend Medical that run together", parse=number
    )
