"""The levels of the test cluster: how far it came, and why no further."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

LEVELS = ("api", "node", "pipelines")
ASKED = "BRUME_CLUSTER_LEVELS"


def asked() -> list[str]:
    """Return the levels that the environment asks for: they have to be reached, and no other is tried.

    None: all are tried, and none has to be reached. Raises `ValueError` for a name that is no level's.
    """
    names = [name for name in os.environ.get(ASKED, "").split(",") if name]
    if unknown := set(names) - set(LEVELS):
        raise ValueError(f"{ASKED} names {', '.join(sorted(unknown))}; there are {', '.join(LEVELS)}")
    return names


def wanted(name: str) -> bool:
    """Tell whether a level is to be tried."""
    return not asked() or name in asked()


@dataclass
class Levels:
    """The levels that were reached, with versions, and those that were not, with the reason."""

    reached: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)

    def failed(self) -> list[str]:
        """Return the levels that were asked for and not reached."""
        return [name for name in asked() if name not in self.reached]

    def lines(self) -> Iterator[str]:
        """Say it, a line for each level."""
        for name in LEVELS:
            if name in self.reached:
                way, versions = self.reached[name]
                parts = ", ".join(f"{part} {version}" for part, version in versions.items())
                yield f"{name}: reached on {way} ({parts})"
            elif name in self.missed:
                yield f"{name}: NOT RUN: {self.missed[name]}"
            else:
                yield f"{name}: not asked for"
