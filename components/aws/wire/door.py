"""What every request meets first, and every answer last, whichever part of the server it is for.

Requests whose headers are too large, or whose length is told in two ways, are refused. An answer to a request
whose body has not been read to its end closes the connection: after the answer what still comes is thrown
away for a while, since a client that sends would otherwise lose the answer to a reset (RFC 9112, 9.6), and
then no more is taken.
"""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_HEADERS = 32 << 10  # bytes of request line and headers
GRACE_SECONDS = 0.2  # for the rest of a body that nobody reads, before the answer
LINGER_SECONDS = 5.0  # for it after the answer
LINGER_BYTES = 64 << 20  # of it that are thrown away at most


class Door:
    """Wraps an ASGI application."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        body = _Body(scope, receive)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                if not await body.discard(GRACE_SECONDS):
                    others = [pair for pair in message.get("headers", []) if pair[0].lower() != b"connection"]
                    message = {**message, "headers": [*others, (b"connection", b"close")]}
                await send(message)
            elif body.ended or message.get("more_body"):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await body.discard(LINGER_SECONDS)
                await send({"type": "http.response.body"})

        await (_refusal(scope) or self._application)(scope, body.receive, answer)


class _Body:
    """The body of one request, as far as it has come."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        headers = dict(scope["headers"])
        self.ended = b"transfer-encoding" not in headers and int(headers.get(b"content-length", b"0")) == 0
        # A client that waits to be told to go on sends nothing before, and is told by the first `receive`.
        self._waits = headers.get(b"expect", b"").lower() == b"100-continue"
        self._discarded = 0
        self._receive = receive

    async def receive(self) -> Message:
        self._waits = False
        message = await self._receive()
        if not message.get("more_body"):  # the last part, or the client has gone
            self.ended = True
        return message

    async def discard(self, seconds: float) -> bool:
        """Throw away the rest, for so long; tell whether the body has ended."""
        try:
            async with asyncio.timeout(seconds):
                while not (self.ended or self._waits or self._discarded > LINGER_BYTES):
                    self._discarded += len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass
        return self.ended


def _refusal(scope: Scope) -> Response | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in headers)
    if size > MAX_HEADERS:
        return _plain(431, f"The request's line and headers have more than {MAX_HEADERS} bytes")
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
        return _plain(400, "A request has Content-Length or Transfer-Encoding, not both")
    return None


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(text, status, headers={"connection": "close"})
