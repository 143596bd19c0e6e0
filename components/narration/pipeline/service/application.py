"""The HTTP side of the audio CMS: the webhook, the status page, health."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import time
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from brume.narration.pipeline.service.queue import NEW, Queue
from brume.narration.pipeline.service.webhook import (
    EventError,
    SignatureError,
    check_headers,
    event_of,
    verify,
)

MOST_BYTES = 8 << 20  # of a request
MOST_HELD = 8 * MOST_BYTES  # of all requests that are being read
BODY_SECONDS = 60.0  # for a request to be sent
_SHOWN = 200  # articles on the status page
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def application(queue: Queue, secret: bytes, *, open_status: bool) -> Starlette:
    """Return the application. Without `open_status` the status page asks for the secret."""
    pages = Environment(
        loader=PackageLoader("brume.narration.pipeline.service", "page"),
        autoescape=True,
        undefined=StrictUndefined,
    )

    bodies = _Bodies()

    async def events(request: Request) -> Response:
        try:
            check_headers(request.headers, time.time())
            body = await bodies.read(request)
            verify(secret, request.headers, body, time.time())
            event = event_of(body)
        except SignatureError as error:
            return _refused(401, str(error))
        except EventError as error:
            return _refused(400, str(error))
        except BodyError as error:
            return _refused(error.status, str(error))
        result = await run_in_threadpool(queue.put, event, time.time())
        return JSONResponse({"result": result, "name": event.name}, 202 if result == NEW else 200)

    async def status(request: Request) -> Response:
        if not open_status and not _knows(request, secret):
            ask = {"WWW-Authenticate": 'Basic realm="narration", charset="UTF-8"'}
            return PlainTextResponse("the password is the secret of the webhook\n", 401, ask)
        counts = await run_in_threadpool(queue.counts)
        rows = await run_in_threadpool(queue.rows, _SHOWN)
        if request.url.path.endswith(".json"):
            return JSONResponse({"counts": counts, "articles": rows}, headers=_HEADERS)
        html = pages.get_template("status.html").render(counts=counts, rows=rows, most=_SHOWN, when=_when)
        return HTMLResponse(html, headers=_HEADERS)

    async def ready(_: Request) -> Response:
        trouble = await run_in_threadpool(queue.trouble)
        return PlainTextResponse(f"{trouble or 'ok'}\n", 503 if trouble else 200)

    return Starlette(
        routes=[
            Route("/events", events, methods=["POST"]),
            Route("/", status),
            Route("/status.json", status),
            Route("/readyz", ready),
            Route("/healthz", lambda _: PlainTextResponse("ok\n")),
        ]
    )


class BodyError(ValueError):
    """A body that is not read to its end; the message says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Bodies:
    """Reads bodies of requests: each within a time, and all at once within a size."""

    def __init__(self) -> None:
        self._held = 0  # bytes of bodies that are being read

    async def read(self, request: Request) -> bytes:
        """Return the body of a request. Raises `BodyError`."""
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    body += piece
                    self._held += len(piece)
                    if len(body) > MOST_BYTES:
                        raise BodyError(413, f"the request has more than {MOST_BYTES >> 20} MB")
                    if self._held > MOST_HELD:
                        raise BodyError(503, "too many requests are being read: send it again later")
        except TimeoutError:
            raise BodyError(408, f"the request was not sent within {BODY_SECONDS:g} s") from None
        finally:
            self._held -= len(body)
        return bytes(body)


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


def _knows(request: Request, secret: bytes) -> bool:
    """Return whether a request has the secret as its password (RFC 7617)."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        password = base64.b64decode(given, validate=True).partition(b":")[2]
    except binascii.Error:
        return False
    wanted = base64.b64encode(secret)
    return any(hmac.compare_digest(password, one) for one in (wanted, b"whsec_" + wanted))


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else "–"
