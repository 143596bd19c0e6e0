"""HTTP/1.1 on a connection, by h11; an upgrade makes it a WebSocket."""

from __future__ import annotations

import http
from urllib.parse import unquote

import h11
from starlette.types import Scope

from brume.aws.wire.http.connection import Connection, Protocol
from brume.aws.wire.http.exchange import Exchange, Headers
from brume.aws.wire.http.websocket import WebSocket

_CLOSE = (b"connection", b"close")


class Http1(Protocol):
    """Answers the requests of one connection, one after the other."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.idle_seconds = connection.limits.idle_seconds
        self.h11 = h11.Connection(h11.SERVER, connection.limits.header_bytes)
        self.ending = False
        self._exchange: Http1Exchange | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self._exchange is None or self._exchange.complete

    @property
    def waits_for_client(self) -> bool:
        """Whether a body is still to come."""
        return self.h11.their_state is h11.SEND_BODY

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        self.h11.receive_data(data)
        self.events()

    def events(self) -> None:
        """Handle what has come."""
        while True:
            try:
                event = self.h11.next_event()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint)
                return
            if event is h11.NEED_DATA:
                return
            if event is h11.PAUSED:  # the next request waits until this one has been answered
                self.connection.pause_reading()
                return
            exchange = self._exchange
            if isinstance(event, h11.Request):
                if self._upgraded(event):
                    return
                self._exchange = Http1Exchange(self, _scope(self.connection, event))
                self.connection.server.spawn(self._exchange.run(self.connection.application))
            elif isinstance(event, h11.Data) and exchange is not None and not exchange.complete:
                exchange.take(bytes(event.data))
                if exchange.full:
                    self.connection.pause_reading()
            elif isinstance(event, h11.EndOfMessage) and exchange is not None:
                if exchange.complete:
                    self.next_request()
                    return
                exchange.end()
                if self.h11.their_state is h11.MUST_CLOSE:
                    return
            elif isinstance(event, h11.ConnectionClosed):
                return

    def next_request(self) -> None:
        """Go on after a response; its request may still be coming."""
        if self.h11.our_state is h11.MUST_CLOSE or self.ending:
            self.h11.send(h11.ConnectionClosed())
            self.connection.close()
            return
        self.connection.resume_reading()
        if self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE:
            self.h11.start_next_cycle()
            self.connection.rest()
            self.events()

    def closed(self) -> None:
        """The connection has been closed."""
        if self._exchange is not None and not self._exchange.complete:
            self._exchange.disconnect()

    def shut_down(self) -> None:
        """Close the connection, after the response to the request that there is."""
        self.ending = True
        if self.idle:
            self.connection.close()

    def give_up(self) -> None:
        """Do nothing: HTTP/1.1 has no message for it, the connection just closes."""

    def _refuse(self, status: int) -> None:
        """Refuse what is no HTTP; in the middle of an answer there is no place to say so."""
        if self.h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [(b"content-type", b"text/plain; charset=utf-8"), _CLOSE]
            reason = http.HTTPStatus(status).phrase
            sent = self.h11.send(h11.Response(status_code=status, headers=headers, reason=reason)) or b""
            sent += self.h11.send(h11.Data(data=b"This is no request that HTTP/1.1 allows")) or b""
            self.connection.write(sent + (self.h11.send(h11.EndOfMessage()) or b""))
        self.connection.close()

    def _upgraded(self, request: h11.Request) -> bool:
        headers = {bytes(name): bytes(value).lower() for name, value in request.headers}
        asked = {part.strip() for part in headers.get(b"connection", b"").split(b",")}
        if b"upgrade" not in asked or headers.get(b"upgrade") != b"websocket":
            return False
        scope = _scope(self.connection, request, "websocket")
        socket = WebSocket(self.connection, scope)
        self.connection.protocol = socket
        socket.begin(bytes(request.target).decode("ascii"), self.h11.trailing_data[0])
        return True


class Http1Exchange(Exchange):
    """One request of HTTP/1.1 and its response."""

    def __init__(self, protocol: Http1, scope: Scope) -> None:
        super().__init__(scope)
        self._protocol, self._connection = protocol, protocol.connection
        self._continue = protocol.h11.they_are_waiting_for_100_continue

    async def _writable(self) -> None:
        await self._connection.writable()

    def _send_headers(self, status: int, headers: Headers) -> None:
        self._continue = False
        asked = {name: value.lower() for name, value in self.scope["headers"]}.get(b"connection", b"")
        if (asked == b"close" or self._protocol.ending) and _CLOSE not in headers:
            headers = [*headers, _CLOSE]
        reason = http.HTTPStatus(status).phrase
        event = h11.Response(status_code=status, headers=headers, reason=reason)
        self._connection.write(self._protocol.h11.send(event) or b"")

    async def _send_data(self, data: bytes, *, last: bool) -> None:
        if data:
            self._connection.write(self._protocol.h11.send(h11.Data(data=data)) or b"")
        if last:
            self._connection.write(self._protocol.h11.send(h11.EndOfMessage()) or b"")

    def _wanted(self) -> None:
        if self._continue:
            self._continue = False
            event = h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
            self._connection.write(self._protocol.h11.send(event) or b"")
        self._connection.resume_reading()

    def _used(self, size: int) -> None:
        """Reading goes on when the application waits for more."""

    def _failed(self) -> None:
        self._connection.close()

    def _completed(self) -> None:
        self._protocol.next_request()


def _scope(connection: Connection, request: h11.Request, kind: str = "http") -> Scope:
    raw_path, _, query = bytes(request.target).partition(b"?")
    return {
        **connection.scope(kind, request.http_version.decode("ascii")),
        "method": request.method.decode("ascii"),
        "path": unquote(raw_path.decode("ascii")),
        "raw_path": raw_path,
        "query_string": query,
        "headers": [(bytes(name), bytes(value)) for name, value in request.headers],
    }
