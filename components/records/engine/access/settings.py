"""Settings of access, which come from the engine's environment."""

from __future__ import annotations

from dataclasses import dataclass

from brume.records.model.deidentify import Mode
from brume.variables import variable


def _mode(text: str) -> Mode:
    if text not in list(Mode):
        raise ValueError(f"must be one of {', '.join(Mode)}")
    return Mode(text)


@dataclass(frozen=True)
class AccessSettings:
    """Who may see what."""

    access: str = variable(
        "BRUME_RECORDS_ACCESS",
        "",
        "JSON file of the role, patients, users and groups of each access key; all may see all if empty",
    )
    deidentify: str = variable(
        "BRUME_RECORDS_DEIDENTIFY",
        Mode.SURROGATE,
        "what researchers see in place of personal data: surrogate (something else of its kind), mask",
        parse=_mode,
    )
