"""Settings of the labelling reports engine: the lake, and what queries may take."""

from __future__ import annotations

import os
from dataclasses import dataclass

from brume.variables import number, size, variable


@dataclass(frozen=True)
class LabelsSettings:
    """The lake that queries read, and what they may take."""

    seconds: int = variable("BRUME_SQL_SECONDS", 300, "seconds that one query may run", parse=number)
    memory: int = variable(
        "BRUME_SQL_MEMORY",
        1 << 30,
        "bytes that DuckDB may use for one query; what is more goes to the disk",
        parse=size,
        shown="1GB",
    )
    spill: int = variable(
        "BRUME_SQL_SPILL", 10 << 30, "bytes of one query on the disk", parse=size, shown="10GB"
    )
    rows: int = variable("BRUME_SQL_ROWS", 2_000_000, "rows of one result", parse=number)
    result: int = variable("BRUME_SQL_RESULT", 1 << 30, "bytes of one result", parse=size, shown="1GB")
    at_once: int = variable("BRUME_SQL_AT_ONCE", 2, "queries that run together", parse=number)
    threads: int = variable(
        "BRUME_SQL_THREADS",
        max(2, (os.cpu_count() or 2) // 2),
        "threads of one query",
        parse=number,
        shown="half of the processors, at least 2",
    )
    queue: int = variable("BRUME_SQL_QUEUE", 100, "queries that wait", parse=number)
    days: int = variable(
        "BRUME_SQL_DAYS", 45, "days that executions and their results are kept", parse=number
    )
    executions: int = variable(
        "BRUME_SQL_EXECUTIONS", 10_000, "executions that are kept of each account", parse=number
    )
    results: int = variable(
        "BRUME_SQL_RESULTS", 5 << 30, "bytes of all results that are kept", parse=size, shown="5GB"
    )
    cache: int = variable(
        "BRUME_SQL_CACHE", 20 << 30, "bytes of copies of a remote lake", parse=size, shown="20GB"
    )
    lake: str = variable(
        "BRUME_LAKE",
        "",
        "the lake that queries read, needed: a folder that brume run labels wrote, or s3://...",
    )

    @property
    def address_space(self) -> int:
        """Bytes of addresses of a query's process: DuckDB's memory, what it maps besides, and Python."""
        return 2 * self.memory + (3 << 30)
