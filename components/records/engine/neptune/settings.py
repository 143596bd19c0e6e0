"""Settings of the graph, which come from the engine's environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from brume.variables import number, size, variable


@dataclass(frozen=True)
class GraphSettings:
    """What SPARQL requests may take."""

    sparql_seconds: int = variable(
        "BRUME_SPARQL_SECONDS", 120, "seconds that one query or update may run", parse=number
    )
    sparql_memory: int = variable(
        "BRUME_SPARQL_MEMORY", 1 << 30, "bytes of memory of one query or update", parse=size, shown="1GB"
    )
    sparql_at_once: int = variable(
        "BRUME_SPARQL_AT_ONCE",
        max(2, os.cpu_count() or 2),
        "queries that run together; others wait",
        parse=number,
        shown="the number of processors",
    )
