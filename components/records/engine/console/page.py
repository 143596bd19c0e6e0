"""The web page of records: its files, and the route by which it calls operations.

Access, headers and errors are those of all engines' pages (brume.aws.engine.pages).
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route, Router

from brume.aws.engine.page_calls import PageCalls
from brume.aws.engine.page_sessions import Sessions
from brume.aws.engine.pages import VIEWS, Pages
from brume.aws.engine.service import Engine
from brume.records.engine.console.service import NAME

PATH = "/records"
_HERE = Path(__file__).parent / "page"
_FILES = (*VIEWS, Path(__file__).parent / "vendor" / "cytoscape.js")


def routes(engine: Engine, data: Path) -> list[BaseRoute]:
    """Return the routes of the page for an engine whose state lies in `data`; writes the console's token."""
    calls = PageCalls(engine, (NAME,))
    common = Pages(PATH, _HERE, _FILES, Sessions(data), title="Records", command="brume records --console")
    inner = [
        Route("/", common.index),
        Route("/assets/{name}", common.asset),
        Route("/api/{service}/{operation}", common.guarded(calls.call), methods=["POST"]),
    ]
    return [
        Route(PATH, lambda _request: RedirectResponse(f"{PATH}/", 308)),
        Mount(PATH, Router(inner, redirect_slashes=False)),
    ]
