"""The console of records: the service `brumerecords`, and its web page."""

from __future__ import annotations

import shlex
from pathlib import Path

from brume.aws.engine.service import Engine
from brume.records.engine.console.page import routes


def add(engine: Engine, data: Path) -> None:
    """Give an engine, whose state lies in `data` and which has the console's service, its page."""
    engine.pages = [*engine.pages, *routes(engine, data)]
    engine.hint = f"the address of its web page: brume records --console --data {shlex.quote(str(data))}"
