"""What one query, and all of them together, may take; each figure can be set by an environment variable."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from brume.aws.engine.catalog import EngineError

_UNITS = {"": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes and counts."""

    seconds: int = 300  # of one query
    memory: int = 1 << 30  # bytes that DuckDB may use for one query; what is more goes to the disk
    spill: int = 10 << 30  # bytes of one query on the disk
    rows: int = 2_000_000  # of one result
    result: int = 1 << 30  # bytes of one result
    at_once: int = 2  # queries that run together
    threads: int = max(2, (os.cpu_count() or 2) // 2)  # of one query
    queue: int = 100  # queries that wait
    days: int = 45  # that executions and their results are kept
    executions: int = 10_000  # that are kept, of each account
    results: int = 5 << 30  # bytes of all results that are kept
    cache: int = 20 << 30  # bytes of copies of a remote lake

    @classmethod
    def from_environment(cls) -> Limits:
        """Read BRUME_SQL_SECONDS, BRUME_SQL_MEMORY and so on. Raises `EngineError` for what is no number."""
        given = {name: _number(f"BRUME_SQL_{name.upper()}", default) for name, default in vars(cls()).items()}
        return cls(**given)

    @property
    def address_space(self) -> int:
        """Bytes of addresses of a query's process: DuckDB's memory, what it maps besides, and Python."""
        return 2 * self.memory + (3 << 30)


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    read = re.fullmatch(r"(\d+)\s*([KMGT]B)?", text, re.IGNORECASE)
    value = int(read[1]) * _UNITS[(read[2] or "").upper()] if read else 0
    if value <= 0:
        raise EngineError(
            f"{variable}={text} must be a number above 0, of bytes also with KB, MB, GB, TB: 2GB"
        )
    return value
