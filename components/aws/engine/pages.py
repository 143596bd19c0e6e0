"""What the web pages of engines have in common: access, headers, files, errors.

A session (page_sessions.py) is needed for all but the page's files. What changes something is a POST that a
foreign page cannot send: its content type makes browsers send a preflight request, and its origin is checked.
"""

from __future__ import annotations

import json
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from brume.aws.engine.page_sessions import SECONDS, Session, Sessions
from brume.aws.engine.service import ServiceError
from brume.aws.wire import observe

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NO_STORE = {**HEADERS, "Cache-Control": "no-store"}
_REPORT = Path(__file__).parents[2] / "report"
STYLE = (_REPORT / "report.css", _REPORT / "console.css")
"""Files of every page: the look that pages and reports share."""
VIEWS = (*STYLE, *(_REPORT / name for name in ("app.css", "calls.js", "dom.js", "views.js")))
"""Files of a page that has several views and calls operations (`PageCalls`)."""
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_STATUS = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "InternalServerException": 500,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
}
Work = Callable[[Request, Session], Awaitable[Response]]


class RefusedError(Exception):
    """A request that is not served, with its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Pages:
    """The page below `path` ("/console"), whose files are those of `folder` and `shared`.

    Without a session a page of the same `title` names the `command` that prints an address.
    """

    def __init__(
        self, path: str, folder: Path, shared: Iterable[Path], sessions: Sessions, *, title: str, command: str
    ) -> None:
        self._path, self._sessions = path, sessions
        self._index = (folder / "index.html").read_bytes()
        closed = Template((_REPORT / "closed.html").read_text(encoding="utf-8"))
        self._closed = closed.substitute(title=escape(title), command=escape(command)).encode()
        self._assets = {file.name: file for file in [*folder.iterdir(), *shared] if file.suffix in _TYPES}

    def _session(self, request: Request) -> Session | None:
        return self._sessions.find(request.cookies.get(self._sessions.cookie))

    async def index(self, request: Request) -> Response:
        """The page; with a good token in the address, a cookie and the address without it."""
        token = request.query_params.get("token")
        if token is not None:
            secret = self._sessions.redeem(token, request.query_params.get("key", ""))
            answer: Response = RedirectResponse(f"{self._path}/", 303, headers=NO_STORE)
            if secret:
                answer.set_cookie(
                    self._sessions.cookie,
                    secret,
                    max_age=int(SECONDS),
                    path=self._path,
                    secure=request.url.scheme == "https",
                    httponly=True,
                    samesite="strict",
                )
            return answer
        content, status = (self._index, 200) if self._session(request) else (self._closed, 403)
        return Response(content, status, NO_STORE, "text/html")

    async def asset(self, request: Request) -> Response:
        """A style, a script or the icon: nothing that has to be kept from anybody."""
        path = self._assets.get(request.path_params["name"])
        if path is None:
            return _refusal(RefusedError(404, "NotFound", "there is no such file"))
        return Response(path.read_bytes(), 200, {**HEADERS, "Cache-Control": "no-cache"}, _TYPES[path.suffix])

    def guarded(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that does `work` for a session, and answers every error as JSON."""

        async def endpoint(request: Request) -> Response:
            number, began = str(uuid.uuid4()), time.monotonic()
            request.state.number = number
            try:
                session = self._session(request)
                if session is None:
                    raise RefusedError(401, "SessionEnded", "open the console with a new address")
                if request.method == "POST":
                    _check_origin(request)
                answer = await work(request, session)
            except RefusedError as error:
                answer = _refusal(error)
            except ServiceError as error:
                answer = _refusal(RefusedError(_STATUS.get(error.code, 400), error.code, error.message))
            except Exception as error:
                # Where it arose, and not its message, which may hold what was sent.
                frames = traceback.extract_tb(error.__traceback__)[-8:]
                at = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
                observe.log("error", number, {"failure": type(error).__name__, "at": at})
                message = f"the engine failed: its log has details under {number}"
                answer = _refusal(RefusedError(500, "InternalServerException", message))
            fields = {"page": request.url.path, "status": answer.status_code}
            observe.log("info", number, fields | {"ms": round(1000 * (time.monotonic() - began), 1)})
            return answer

        return endpoint


async def body(request: Request, most: int, what: str) -> bytes:
    """Return a request's body of at most `most` bytes; `what` says in the error what that is enough for."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RefusedError(413, "RequestEntityTooLarge", f"more than {most:,} bytes: {what}")
        parts.append(part)
    return b"".join(parts)


async def parameters(request: Request, most: int) -> dict[str, Any]:
    """Return the parameters of a request, a JSON object of at most `most` bytes."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise RefusedError(415, "UnsupportedMediaType", "the parameters must be application/json")
    try:
        found = json.loads((await body(request, most, "send less")).decode() or "{}")
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "SerializationException", f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise RefusedError(400, "SerializationException", "the parameters must be an object")
    return found


def answer_json(value: Mapping[str, Any]) -> Response:
    """Return an answer that no cache keeps."""
    return Response(json.dumps(value, allow_nan=False), 200, NO_STORE, "application/json")


def _check_origin(request: Request) -> None:
    site = request.headers.get("sec-fetch-site", "same-origin")
    try:
        host = urlsplit(request.headers.get("origin", "")).netloc
    except ValueError:  # no address at all
        host = ""
    # A proxy may speak TLS for the engine: the scheme may differ, the host may not.
    if site != "same-origin" or not host or host != request.headers.get("host"):
        raise RefusedError(403, "AccessDeniedException", "this request does not come from the console's page")


def _refusal(error: RefusedError) -> Response:
    return JSONResponse({"code": error.code, "message": error.message}, error.status, NO_STORE)
