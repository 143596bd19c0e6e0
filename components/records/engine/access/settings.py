"""Settings of access, which come from the engine's environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.variables import variable


@dataclass(frozen=True)
class AccessSettings:
    """Who may see what."""

    access: str = variable(
        "BRUME_RECORDS_ACCESS",
        "",
        "JSON file of the role, patients, users and groups of each access key; all may see all if empty",
    )
