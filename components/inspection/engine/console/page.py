"""The web page of visual inspection: its files, and the routes by which it calls operations.

Access, headers and errors are those of all engines' pages (brume.aws.engine.pages).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from brume.aws.engine import pages
from brume.aws.engine.page_sessions import Session, Sessions
from brume.aws.engine.pages import HEADERS, Pages, RefusedError
from brume.aws.engine.service import Call, Engine
from brume.aws.wire.server import dispatch
from brume.inspection.engine.console.service import NAME
from brume.inspection.model.images import MAX_BYTES

_HERE = Path(__file__).parent / "page"
_REPORT = Path(__file__).parents[3] / "report"
_SHARED = (_REPORT / "report.css", _REPORT / "console.css")  # the style that pages and reports share
_SERVICES = ("lookoutvision", NAME)
_UPLOADS = ("DetectTrialImage", "PutDatasetImage")
_PICTURES = {"trial": "GetTrialPicture", "dataset": "GetDatasetPicture"}
_MAX_JSON = 1 << 20  # bytes


def routes(engine: Engine, data: Path) -> list[BaseRoute]:
    """Return the routes of the page for an engine whose state lies in `data`; writes the console's token."""
    common, page = Pages("/console", _HERE, _SHARED, Sessions(data)), _Page(engine)
    inner = [
        Route("/", common.index),
        Route("/assets/{name}", common.asset),
        Route("/api/{service}/{operation}", common.guarded(page.call), methods=["POST"]),
        Route("/upload/{operation}", common.guarded(page.upload), methods=["POST"]),
        Route("/picture/{kind}", common.guarded(page.picture)),
    ]
    return [
        Route("/console", lambda _request: RedirectResponse("/console/", 308)),
        Mount("/console", Router(inner, redirect_slashes=False)),
    ]


class _Page:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def call(self, request: Request, session: Session) -> Response:
        """An operation with its parameters as JSON."""
        service, operation = request.path_params["service"], request.path_params["operation"]
        parameters = await pages.parameters(request, _MAX_JSON)
        if service not in _SERVICES:
            raise RefusedError(404, "NotFound", "there is no such service")
        return pages.answer_json(
            _plain(await self._dispatch(request, service, operation, parameters, session))
        )

    async def upload(self, request: Request, session: Session) -> Response:
        """An operation that takes one picture as its body, its other parameters in the query."""
        operation, content = request.path_params["operation"], request.headers.get("content-type", "")
        if operation not in _UPLOADS:
            raise RefusedError(404, "NotFound", "there is no such upload")
        if content not in ("image/png", "image/jpeg"):
            raise RefusedError(415, "UnsupportedMediaType", "the picture must be image/png or image/jpeg")
        picture = await pages.body(request, MAX_BYTES, "at most 8 MB a picture")
        parameters = {**request.query_params, "ContentType": content, "Body": picture}
        return pages.answer_json(_plain(await self._dispatch(request, NAME, operation, parameters, session)))

    async def picture(self, request: Request, session: Session) -> Response:
        """A picture, named in the query."""
        operation = _PICTURES.get(request.path_params["kind"])
        if operation is None:
            raise RefusedError(404, "NotFound", "there is no such picture")
        answer = await self._dispatch(request, NAME, operation, dict(request.query_params), session)
        headers = {**HEADERS, "Cache-Control": "private, max-age=600"}
        return Response(answer["Body"], 200, headers, answer["ContentType"])

    async def _dispatch(
        self,
        request: Request,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        session: Session,
    ) -> dict[str, Any]:
        call = Call(request.state.number, session.account, _region(), "console", service, operation)
        try:
            return await dispatch(self._engine, service, operation, parameters, call)
        except KeyError as error:
            raise RefusedError(404, "NotFound", f"there is no operation {operation}") from error


def _region() -> str:
    """Return the region of what is made on the page: that of this machine's other clients."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _plain(value: Any) -> Any:
    """Return an answer as JSON has it: times as seconds since the epoch, without members that are None."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
