"""Kendra's operations, mounted: which class has which, and what is refused."""

from __future__ import annotations

from brume.aws.engine.resources import Service
from brume.records.engine.parts import Part, State

SERVICE = Service("kendra", ())


def create(state: State) -> Part:
    """Return Kendra, its state in the engine's database."""
    return Part(SERVICE.mount())
