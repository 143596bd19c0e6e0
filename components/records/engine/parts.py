"""What each service of the records engine is given, and what it gives to the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from brume.aws.engine.background import Background
from brume.aws.engine.routes import SignedRoute
from brume.aws.engine.store import Store
from brume.records.engine.access.audit import Audit
from brume.records.engine.access.scopes import Scopes
from brume.records.model.deidentify import Mode


@dataclass(frozen=True)
class State:
    """What the services share. `folders` maps the start of s3:// addresses to local folders."""

    store: Store
    background: Background
    data: Path
    folders: Mapping[str, str]
    registry: CollectorRegistry  # what /metrics shows
    scopes: Scopes  # what each request may see
    audit: Audit  # of what was read
    deidentify: Mode  # what stands for personal data where it is not shown


@dataclass(frozen=True)
class Part:
    """A service: the object with its operations, its routes, and what ends it before the database."""

    operations: object
    routes: Sequence[SignedRoute] = ()
    close: Callable[[], None] = lambda: None
    trouble: Callable[[], str | None] = lambda: None  # why it cannot answer yet
