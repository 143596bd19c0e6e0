"""Variables by which a local run and the processes that it starts know of each other."""

from __future__ import annotations

from dataclasses import dataclass

from brume.variables import variable


@dataclass(frozen=True)
class RunSettings:
    """Set by `brume run` for the processes that it starts; nobody else needs to."""

    out: str = variable("BRUME_OUT", "", "folder of the run")
    progress: str = variable(
        "BRUME_PROGRESS", "", "file that gets a line of JSON for each report of progress"
    )
    lock: str = variable("BRUME_LOCK", "", "file that the run holds locked for as long as it lives")
    lock_token: str = variable("BRUME_LOCK_TOKEN", "", "what the file holds while this run is the one")
