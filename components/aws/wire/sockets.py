"""WebSockets of an engine: the handshake's answer, then messages of the route's handler."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Message, Receive, Send

from brume.aws.engine.routes import SocketRoute
from brume.aws.wire.context import Context
from brume.aws.wire.handlers import parse_parameters

_INTERNAL = 1011  # RFC 6455, 7.4.1


class AsgiSocket:
    """`brume.aws.engine.routes.Socket` over ASGI."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes | str]:
        """Iterate the client's messages."""
        while not self.closed:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.closed = True
                return
            data = message.get("bytes")
            yield data if data is not None else message["text"]

    async def send(self, message: bytes | str) -> None:
        """Send one message."""
        if self.closed:
            raise ConnectionResetError("the client has closed the WebSocket")
        kind = "text" if isinstance(message, str) else "bytes"
        await self._send({"type": "websocket.send", kind: message})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket."""
        if not self.closed:
            self.closed = True
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


async def refuse(context: Context, send: Send) -> None:
    """Answer the handshake with an error; it is not a WebSocket then."""
    answer = context.answer
    assert answer is not None
    answer.headers["x-amzn-requestid"] = context.request_id
    await context.receive()  # websocket.connect
    await Response(answer.body, answer.status, answer.headers)(context.scope, context.receive, send)


async def run(context: Context, send: Send) -> None:
    """Accept the handshake and run the route's handler until it returns; then the socket is closed."""
    assert context.served is not None
    assert isinstance(context.route, SocketRoute)
    places = context.served.streams
    places.take()
    context.release.callback(places.give_back)
    connect: Message = await context.receive()
    assert connect["type"] == "websocket.connect"
    headers = [(b"x-amzn-requestid", context.request_id.encode())]
    await send({"type": "websocket.accept", "headers": headers})
    socket = AsgiSocket(context.receive, send)
    try:
        await context.route.handler(socket, parse_parameters(context), context.call)
    except ConnectionError:
        raise
    except Exception:
        await socket.close(_INTERNAL, f"the server failed; request {context.request_id}")
        raise
    await socket.close()
