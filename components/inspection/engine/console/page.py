"""The web page of visual inspection: its files, and the routes by which it calls operations.

Access, headers and errors are those of all engines' pages (brume.aws.engine.pages).
"""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from brume.aws.engine import pages
from brume.aws.engine.page_calls import PageCalls, plain
from brume.aws.engine.page_sessions import Session, Sessions
from brume.aws.engine.pages import HEADERS, VIEWS, Pages, RefusedError
from brume.aws.engine.service import Engine
from brume.inspection.engine.console.service import NAME
from brume.inspection.model.images import MAX_BYTES

_HERE = Path(__file__).parent / "page"
_SERVICES = ("lookoutvision", NAME)
_UPLOADS = ("DetectTrialImage", "PutDatasetImage")
_PICTURES = {"trial": "GetTrialPicture", "dataset": "GetDatasetPicture"}


def routes(engine: Engine, data: Path) -> list[BaseRoute]:
    """Return the routes of the page for an engine whose state lies in `data`; writes the console's token."""
    calls = PageCalls(engine, _SERVICES)
    page, sessions = _Page(calls), Sessions(data)
    command = "brume inspection console"
    common = Pages("/console", _HERE, VIEWS, sessions, title="Visual inspection", command=command)
    inner = [
        Route("/", common.index),
        Route("/assets/{name}", common.asset),
        Route("/api/{service}/{operation}", common.guarded(calls.call), methods=["POST"]),
        Route("/upload/{operation}", common.guarded(page.upload), methods=["POST"]),
        Route("/picture/{kind}", common.guarded(page.picture)),
    ]
    return [
        Route("/console", lambda _request: RedirectResponse("/console/", 308)),
        Mount("/console", Router(inner, redirect_slashes=False)),
    ]


class _Page:
    def __init__(self, calls: PageCalls) -> None:
        self._calls = calls

    async def upload(self, request: Request, session: Session) -> Response:
        """An operation that takes one picture as its body, its other parameters in the query."""
        operation, content = request.path_params["operation"], request.headers.get("content-type", "")
        if operation not in _UPLOADS:
            raise RefusedError(404, "NotFound", "there is no such upload")
        if content not in ("image/png", "image/jpeg"):
            raise RefusedError(415, "UnsupportedMediaType", "the picture must be image/png or image/jpeg")
        picture = await pages.body(request, MAX_BYTES, "at most 8 MB a picture")
        parameters = {**request.query_params, "ContentType": content, "Body": picture}
        return pages.answer_json(
            plain(await self._calls.dispatch(request, NAME, operation, parameters, session))
        )

    async def picture(self, request: Request, session: Session) -> Response:
        """A picture, named in the query."""
        operation = _PICTURES.get(request.path_params["kind"])
        if operation is None:
            raise RefusedError(404, "NotFound", "there is no such picture")
        answer = await self._calls.dispatch(request, NAME, operation, dict(request.query_params), session)
        headers = {**HEADERS, "Cache-Control": "private, max-age=600"}
        return Response(answer["Body"], 200, headers, answer["ContentType"])
