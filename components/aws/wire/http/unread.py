"""HTTP/1.1 bodies that the application does not read, and heads that it must not see.

Requests whose headers are too large, or whose length is given in two ways, are refused. A response to a
request whose body has not been read to its end closes the connection: what still comes after it is discarded
for a while, since a client that sends would otherwise lose the response to a reset (RFC 9112, 9.6), and then
no more is taken. HTTP/2 ends such a request by itself.
"""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brume.aws.wire.http.limits import ConnectionLimits

DUPLEX = "brume.duplex"  # in http.response.start: the body of the request is read while the response is sent


class UnreadBodies:
    """Wraps an ASGI application."""

    def __init__(self, application: ASGIApp, limits: ConnectionLimits) -> None:
        self._application = application
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        refusal = _refusal(scope, self._limits.header_bytes)
        if scope["type"] == "websocket" or scope["http_version"] == "2":
            await (refusal or self._application)(scope, receive, send)
            return
        limits = self._limits
        body = _Body(scope, receive, limits.linger_bytes)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                if not (body.ended if message.get(DUPLEX) else await body.discard(limits.grace_seconds)):
                    others = [pair for pair in message.get("headers", []) if pair[0].lower() != b"connection"]
                    message = {**message, "headers": [*others, (b"connection", b"close")]}
                await send(message)
            elif body.ended or message.get("more_body"):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await body.discard(limits.linger_seconds)
                await send({"type": "http.response.body"})

        await (refusal or self._application)(scope, body.receive, answer)


class _Body:
    """The body of one request, as far as it has come."""

    def __init__(self, scope: Scope, receive: Receive, most: int) -> None:
        headers = dict(scope["headers"])
        self.ended = b"transfer-encoding" not in headers and int(headers.get(b"content-length", b"0")) == 0
        # A client that waits for "100 Continue" sends nothing before; the first `receive` sends it that.
        self._waits = headers.get(b"expect", b"").lower() == b"100-continue"
        self._discarded = 0
        self._most = most
        self._receive = receive

    async def receive(self) -> Message:
        self._waits = False
        message = await self._receive()
        if not message.get("more_body"):  # the last part, or the client has gone
            self.ended = True
        return message

    async def discard(self, seconds: float) -> bool:
        """Discard the rest, for so long; return whether the body has ended."""
        try:
            async with asyncio.timeout(seconds):
                while not (self.ended or self._waits or self._discarded > self._most):
                    self._discarded += len((await self.receive()).get("body", b""))
        except TimeoutError:
            pass
        return self.ended


def _refusal(scope: Scope, most: int) -> Response | None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    size += sum(len(name) + len(value) + 4 for name, value in headers)
    if size > most:
        return _plain(431, f"The request's line and headers have more than {most} bytes")
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in headers}:
        return _plain(400, "A request has Content-Length or Transfer-Encoding, not both")
    return None


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(text, status, headers={"connection": "close"})
