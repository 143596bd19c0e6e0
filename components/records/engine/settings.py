"""Settings of the records engine, which come from its environment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordsSettings:
    """What the services of the engine are run with."""
