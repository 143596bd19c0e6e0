"""The console of visual inspection: the service `brumeinspection`, and its web page.

`with_results` before the engine's parts are made, and `add` after, are its interface to the engine.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from brume.aws.engine.catalog import Settings
from brume.inspection.model.addresses import EVALUATIONS

if TYPE_CHECKING:  # clients of the service need none of what serves it
    from brume.aws.engine.background import Background
    from brume.aws.engine.service import Engine
    from brume.aws.engine.store import Store
    from brume.inspection.engine.locations import Locations


def with_results(settings: Settings) -> Settings:
    """Return settings in which EVALUATIONS is a folder of the engine's own data, unless it is mapped already.

    The service's API wants an output location for every training; callers without a bucket use this one.
    """
    if any(EVALUATIONS.startswith(prefix.rstrip("/") + "/") for prefix in settings.folders):
        return settings
    folder = settings.data.absolute() / "evaluations"
    folder.mkdir(parents=True, exist_ok=True)
    return replace(settings, folders={**settings.folders, EVALUATIONS: str(folder)})


def add(engine: Engine, store: Store, locations: Locations, background: Background, data: Path) -> None:
    """Give an engine, whose state lies in `data`, the console's service and its page."""
    from brume.inspection.engine.console.page import routes
    from brume.inspection.engine.console.service import NAME, mount

    engine.services = {**engine.services, NAME: mount(store, locations, background)}
    engine.pages = [*engine.pages, *routes(engine, data)]
    engine.hint = f"the address of its web page: brume inspection --data {shlex.quote(str(data))} console"
