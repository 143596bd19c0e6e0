"""The levels of the test cluster: how far it came, and why no further."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

LEVELS = ("api", "node", "pipelines")
REQUIRED = "BRUME_CLUSTER_LEVELS"


@dataclass
class Levels:
    """What was reached, how, with the version of each real part, and what was not, with the reason."""

    reached: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    missed: dict[str, str] = field(default_factory=dict)

    def required(self) -> list[str]:
        """Return the levels that have to be reached, by the environment."""
        asked = [name for name in os.environ.get(REQUIRED, "").split(",") if name]
        if unknown := set(asked) - set(LEVELS):
            raise ValueError(f"{REQUIRED} names {', '.join(sorted(unknown))}; there are {', '.join(LEVELS)}")
        return asked

    def failed(self) -> list[str]:
        """Return the required levels that were not reached."""
        return [name for name in self.required() if name not in self.reached]

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
