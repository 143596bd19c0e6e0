"""A WebSocket (RFC 6455), by wsproto, over a connection that began with HTTP/1.1."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import h11
import wsproto
from starlette.types import Message, Scope
from wsproto import events
from wsproto.connection import ConnectionState

from brume.aws.wire.http.connection import Connection, Protocol

logger = logging.getLogger("brume.http")
_GOING_AWAY, _TOO_LARGE, _INTERNAL, _ABNORMAL = 1001, 1009, 1011, 1006  # RFC 6455, 7.4.1


class WebSocket(Protocol):
    """One WebSocket, from its handshake to its end, as an ASGI application sees it."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self.connection = connection
        self.idle_seconds = connection.limits.idle_seconds
        headers = dict(scope["headers"])
        offered = headers.get(b"sec-websocket-protocol", b"").decode("latin-1")
        self._scope: Scope = {
            **scope,
            "subprotocols": [name.strip() for name in offered.split(",") if name.strip()],
            "extensions": {"websocket.http.response": {}},
        }
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        self._messages: deque[Message] = deque([{"type": "websocket.connect"}])
        self._news = asyncio.Event()
        self._accepted = self._closed = False
        self._refusal: Message | None = None
        self._parts: list[str | bytes | bytearray] = []
        self._size = 0
        self._answered = True  # the last ping
        self._timer: asyncio.TimerHandle | None = None

    idle = False
    waits_for_client = True

    def begin(self, target: str, rest: bytes) -> None:
        """Take the request of the handshake, and what came after it."""
        try:
            self._ws.initiate_upgrade_connection(self._scope["headers"], target)
        except wsproto.utilities.RemoteProtocolError:
            self._plain(400, [], b"This is not the handshake of a WebSocket (RFC 6455, 4.2.1)")
            return
        for event in self._ws.events():
            assert isinstance(event, events.Request)
        self.connection.server.spawn(self._run())
        if rest:
            self.receive(rest)

    async def _run(self) -> None:
        try:
            await self.connection.application(self._scope, self._receive, self._send)
        except ConnectionError:
            logger.debug("the connection ended before the application did")
        except Exception:
            logger.exception("the application failed")
        if self._closed:
            return
        if not self._accepted:
            self._plain(500, [], b"Internal Server Error")
        else:
            self._close(_INTERNAL, "")

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        if self._closed:
            self._discard(data)
            return
        if not self._accepted:  # it does not wait for the answer to its handshake
            self._plain(400, [], b"Frames may be sent after the handshake only")
            return
        try:
            self._ws.receive_data(data)
            for event in self._ws.events():
                self._handle(event)
        except wsproto.utilities.RemoteProtocolError as error:
            if error.event_hint is not None and self._ws.state is not ConnectionState.CLOSED:
                self.connection.write(self._ws.send(error.event_hint))
            self._lost(_ABNORMAL)
            self.connection.close()

    def _handle(self, event: events.Event) -> None:
        if isinstance(event, (events.TextMessage, events.BytesMessage)):
            self._parts.append(event.data)
            self._size += len(event.data)
            if self._size > self.connection.limits.message_bytes:
                self._close(_TOO_LARGE, f"a message may have {self.connection.limits.message_bytes} bytes")
                return
            if event.message_finished:
                self._message()
        elif isinstance(event, events.Ping):
            self.connection.write(self._ws.send(event.response()))
        elif isinstance(event, events.Pong):
            self._answered = True
        elif isinstance(event, events.CloseConnection):
            if self._ws.state is ConnectionState.REMOTE_CLOSING:
                self.connection.write(self._ws.send(event.response()))
            self._lost(int(event.code))
            self.connection.close()

    def _message(self) -> None:
        first = self._parts[0]
        if isinstance(first, str):
            text = "".join(str(part) for part in self._parts)
            self._put({"type": "websocket.receive", "text": text})
        else:
            data = b"".join(bytes(part) for part in self._parts if not isinstance(part, str))
            self._put({"type": "websocket.receive", "bytes": data})
        self._parts, self._size = [], 0
        self.connection.pause_reading()  # until the application has taken it

    def _put(self, message: Message) -> None:
        self._messages.append(message)
        self._news.set()

    async def _receive(self) -> Message:
        while not self._messages:
            self.connection.resume_reading()
            self._news.clear()
            await self._news.wait()
        return self._messages.popleft()

    async def _send(self, message: Message) -> None:
        await self.connection.writable()
        kind = message["type"]
        if self._closed:
            if kind == "websocket.close":
                return
            raise ConnectionResetError("the WebSocket is closed")
        if kind == "websocket.accept":
            self._accepted = True
            headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", [])]
            accept = events.AcceptConnection(subprotocol=message.get("subprotocol"), extra_headers=headers)
            self.connection.write(self._ws.send(accept))
            self._timer = self.connection.loop.call_later(self.connection.limits.ping_seconds, self._ping)
        elif kind == "websocket.send":
            if message.get("bytes") is not None:
                self.connection.write(self._ws.send(events.BytesMessage(data=message["bytes"])))
            else:
                self.connection.write(self._ws.send(events.TextMessage(data=message["text"])))
        elif kind == "websocket.close":
            if self._accepted:
                self._close(message.get("code", 1000), message.get("reason") or "")
            else:
                self._plain(403, [], b"")
        elif kind == "websocket.http.response.start":
            self._refusal = message
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._plain(self._refusal["status"], list(self._refusal["headers"]), message.get("body", b""))
        else:
            raise RuntimeError(f"the application sent {kind} out of its order")

    def _ping(self) -> None:
        """Ask whether the client is there; one that has not answered the last time is not."""
        if self._closed:
            return
        if not self._answered and self.connection.reading:
            self._lost(_ABNORMAL)
            self.connection.transport.abort()
            return
        self._answered = False
        self.connection.write(self._ws.send(events.Ping()))
        self._timer = self.connection.loop.call_later(self.connection.limits.ping_seconds, self._ping)

    def _close(self, code: int, reason: str) -> None:
        if not self._closed:
            self.connection.write(self._ws.send(events.CloseConnection(code=code, reason=reason[:120])))
            self._lost(code)
            self._size = 0
            self.connection.resume_reading()
            self._timer = self.connection.loop.call_later(
                self.connection.limits.linger_seconds, self.connection.close
            )

    def _discard(self, data: bytes) -> None:
        """Drop what comes until the client has seen the end; unread, it makes a reset, which loses that."""
        self._size += len(data)
        try:
            self._ws.receive_data(data)
            answered = any(isinstance(event, events.CloseConnection) for event in self._ws.events())
        except wsproto.utilities.ProtocolError:
            answered = True
        if answered or self._size > self.connection.limits.linger_bytes:
            self.connection.close()

    def _plain(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Refuse the handshake by an ordinary response."""
        named = {name.lower() for name, _ in headers} & {b"content-length"}
        headers = headers if named else [*headers, (b"content-length", str(len(body)).encode())]
        server = h11.Connection(h11.SERVER)
        server.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.next_event()
        sent = server.send(h11.Response(status_code=status, headers=[*headers, (b"connection", b"close")]))
        sent = (sent or b"") + (server.send(h11.Data(data=body)) or b"")
        self.connection.write(sent + (server.send(h11.EndOfMessage()) or b""))
        self._lost(_ABNORMAL)
        self.connection.close()

    def _lost(self, code: int) -> None:
        if not self._closed:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            self._put({"type": "websocket.disconnect", "code": code})

    def closed(self) -> None:
        """The connection has been closed."""
        self._lost(_ABNORMAL)
        if self._timer is not None:
            self._timer.cancel()

    def shut_down(self) -> None:
        """Close it: the client may come again to the next server."""
        if self._accepted:
            self._close(_GOING_AWAY, "the server ends")

    def give_up(self) -> None:
        """A WebSocket is never without its request."""
