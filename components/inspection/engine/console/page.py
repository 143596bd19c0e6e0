"""The web page of visual inspection: its files, and the routes by which it calls operations.

A session (sessions.py) is needed for all but the first address. What changes something is a POST that a
foreign page cannot send: its content type makes browsers send a preflight request, and its origin is checked.
"""

from __future__ import annotations

import json
import os
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from brume.aws.engine.service import Call, Engine, ServiceError
from brume.aws.wire import observe
from brume.aws.wire.server import dispatch
from brume.inspection.engine.console.service import NAME
from brume.inspection.engine.console.sessions import SECONDS, Session, Sessions
from brume.inspection.model.images import MAX_BYTES

_HERE = Path(__file__).parent / "page"
_REPORT = Path(__file__).parents[3] / "report" / "report.css"  # the style that page and reports share
_SERVICES = ("lookoutvision", NAME)
_UPLOADS = ("DetectTrialImage", "PutDatasetImage")
_PICTURES = {"trial": "GetTrialPicture", "dataset": "GetDatasetPicture"}
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_MAX_JSON = 1 << 20  # bytes
_STATUS = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "InternalServerException": 500,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_Work = Callable[[Request, Session], Awaitable[Response]]


class _RefusedError(Exception):
    """A request that is not served, with its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def routes(engine: Engine, data: Path) -> list[BaseRoute]:
    """Return the routes of the page for an engine whose state lies in `data`; writes the console's token."""
    page = _Page(engine, Sessions(data))
    inner = [
        Route("/", page.index),
        Route("/assets/{name}", page.asset),
        Route("/api/{service}/{operation}", page.guarded(page.call), methods=["POST"]),
        Route("/upload/{operation}", page.guarded(page.upload), methods=["POST"]),
        Route("/picture/{kind}", page.guarded(page.picture)),
    ]
    return [
        Route("/console", lambda _request: RedirectResponse("/console/", 308)),
        Mount("/console", Router(inner, redirect_slashes=False)),
    ]


class _Page:
    def __init__(self, engine: Engine, sessions: Sessions) -> None:
        self._engine = engine
        self._sessions = sessions
        self._assets = {path.name: path for path in [*_HERE.iterdir(), _REPORT] if path.suffix in _TYPES}

    def _session(self, request: Request) -> Session | None:
        return self._sessions.find(request.cookies.get(self._sessions.cookie))

    async def index(self, request: Request) -> Response:
        """The page; with a good token in the address, a cookie and the address without it."""
        token = request.query_params.get("token")
        if token is not None:
            secret = self._sessions.redeem(token)
            answer: Response = RedirectResponse(
                "/console/", 303, headers={**_HEADERS, "Cache-Control": "no-store"}
            )
            if secret:
                answer.set_cookie(
                    self._sessions.cookie,
                    secret,
                    max_age=int(SECONDS),
                    path="/console",
                    secure=request.url.scheme == "https",
                    httponly=True,
                    samesite="strict",
                )
            return answer
        name, status = ("index.html", 200) if self._session(request) else ("closed.html", 403)
        return Response(
            (_HERE / name).read_bytes(), status, {**_HEADERS, "Cache-Control": "no-store"}, "text/html"
        )

    async def asset(self, request: Request) -> Response:
        """A style, a script or the icon: nothing that has to be kept from anybody."""
        path = self._assets.get(request.path_params["name"])
        if path is None:
            return _refusal(_RefusedError(404, "NotFound", "there is no such file"))
        return Response(
            path.read_bytes(), 200, {**_HEADERS, "Cache-Control": "no-cache"}, _TYPES[path.suffix]
        )

    def guarded(self, work: _Work) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that does `work` for a session, and answers every error as JSON."""

        async def endpoint(request: Request) -> Response:
            number, began = str(uuid.uuid4()), time.monotonic()
            request.state.number = number
            try:
                session = self._session(request)
                if session is None:
                    raise _RefusedError(401, "SessionEnded", "open the console with a new address")
                if request.method == "POST":
                    _check_origin(request)
                answer = await work(request, session)
            except _RefusedError as error:
                answer = _refusal(error)
            except ServiceError as error:
                answer = _refusal(_RefusedError(_STATUS.get(error.code, 400), error.code, error.message))
            except Exception as error:
                # Where it arose, and not its message, which may hold what was sent.
                frames = traceback.extract_tb(error.__traceback__)[-8:]
                at = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
                observe.log("error", number, {"failure": type(error).__name__, "at": at})
                message = f"the engine failed: its log has details under {number}"
                answer = _refusal(_RefusedError(500, "InternalServerException", message))
            fields = {"page": request.url.path, "status": answer.status_code}
            observe.log("info", number, fields | {"ms": round(1000 * (time.monotonic() - began), 1)})
            return answer

        return endpoint

    async def call(self, request: Request, session: Session) -> Response:
        """An operation with its parameters as JSON."""
        service, operation = request.path_params["service"], request.path_params["operation"]
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise _RefusedError(415, "UnsupportedMediaType", "the parameters must be application/json")
        try:
            parameters = json.loads((await _body(request, _MAX_JSON)).decode() or "{}")
        except (ValueError, RecursionError) as error:
            raise _RefusedError(400, "SerializationException", f"not JSON: {error}") from error
        if not isinstance(parameters, dict):
            raise _RefusedError(400, "SerializationException", "the parameters must be an object")
        if service not in _SERVICES:
            raise _RefusedError(404, "NotFound", "there is no such service")
        answer = await self._dispatch(request, service, operation, parameters, session)
        text = json.dumps(_plain(answer), allow_nan=False)
        return Response(text, 200, {**_HEADERS, "Cache-Control": "no-store"}, "application/json")

    async def upload(self, request: Request, session: Session) -> Response:
        """An operation that takes one picture as its body, its other parameters in the query."""
        operation, content = request.path_params["operation"], request.headers.get("content-type", "")
        if operation not in _UPLOADS:
            raise _RefusedError(404, "NotFound", "there is no such upload")
        if content not in ("image/png", "image/jpeg"):
            raise _RefusedError(415, "UnsupportedMediaType", "the picture must be image/png or image/jpeg")
        parameters = {**request.query_params, "ContentType": content, "Body": await _body(request, MAX_BYTES)}
        answer = await self._dispatch(request, NAME, operation, parameters, session)
        text = json.dumps(_plain(answer), allow_nan=False)
        return Response(text, 200, {**_HEADERS, "Cache-Control": "no-store"}, "application/json")

    async def picture(self, request: Request, session: Session) -> Response:
        """A picture, named in the query."""
        operation = _PICTURES.get(request.path_params["kind"])
        if operation is None:
            raise _RefusedError(404, "NotFound", "there is no such picture")
        answer = await self._dispatch(request, NAME, operation, dict(request.query_params), session)
        headers = {**_HEADERS, "Cache-Control": "private, max-age=600"}
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
            raise _RefusedError(404, "NotFound", f"there is no operation {operation}") from error


def _region() -> str:
    """Return the region of what is made on the page: that of this machine's other clients."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _check_origin(request: Request) -> None:
    site = request.headers.get("sec-fetch-site", "same-origin")
    try:
        host = urlsplit(request.headers.get("origin", "")).netloc
    except ValueError:  # no address at all
        host = ""
    # A proxy may speak TLS for the engine: the scheme may differ, the host may not.
    if site != "same-origin" or not host or host != request.headers.get("host"):
        raise _RefusedError(
            403, "AccessDeniedException", "this request does not come from the console's page"
        )


async def _body(request: Request, most: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _RefusedError(
                413, "RequestEntityTooLarge", f"more than {most:,} bytes: at most 8 MB a picture"
            )
        parts.append(part)
    return b"".join(parts)


def _refusal(error: _RefusedError) -> Response:
    fields = {"code": error.code, "message": error.message}
    return JSONResponse(fields, error.status, {**_HEADERS, "Cache-Control": "no-store"})


def _plain(value: Any) -> Any:
    """Return an answer as JSON has it: times as seconds since the epoch, without members that are None."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
