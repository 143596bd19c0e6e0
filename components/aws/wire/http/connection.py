"""A connection: TLS, which protocol it speaks, and the limits that hold for all protocols.

At the limit of connections the one that has waited longest for a request makes room for a new one; when each
has a request, the new one is closed. Handshakes of TLS count from the first packet.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Scope

from brume.aws.wire.http.limits import ConnectionLimits

if TYPE_CHECKING:
    from brume.aws.wire.http.server import Server

logger = logging.getLogger("brume.http")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, 3.4: how a connection of HTTP/2 begins


class Protocol(abc.ABC):
    """What a connection speaks."""

    idle_seconds: float  # without a request, until the connection is closed

    @property
    @abc.abstractmethod
    def idle(self) -> bool:
        """Whether no request is being answered."""

    @property
    @abc.abstractmethod
    def waits_for_client(self) -> bool:
        """Whether a request that is being answered is still to be sent to its end."""

    @abc.abstractmethod
    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""

    @abc.abstractmethod
    def closed(self) -> None:
        """The connection has been closed."""

    @abc.abstractmethod
    def shut_down(self) -> None:
        """Take no more requests; close the connection after those that are being answered."""

    @abc.abstractmethod
    def give_up(self) -> None:
        """Close the connection, on which no request is being answered."""


class Connection(asyncio.Protocol):
    """One connection of a server."""

    def __init__(
        self,
        server: Server,
        http1: Callable[[Connection], Protocol],
        http2: Callable[[Connection], Protocol],
    ) -> None:
        """Speak HTTP/2 with a client that begins with its preface, else HTTP/1.1."""
        self.server = server
        self._http1, self._http2 = http1, http2
        self.limits: ConnectionLimits = server.limits
        self.application: ASGIApp = server.application
        self.loop = asyncio.get_running_loop()
        self.since = self.loop.time()  # when it began to wait for a request
        self.transport: asyncio.Transport
        self.protocol: Protocol | None = None
        self._begun = b""  # bytes that do not show yet which protocol it is
        self._may_answer = server.tls is None  # False until `transport` is the one that encrypts
        self._writable = asyncio.Event()
        self._writable.set()
        self.reading = True
        self._waiting: asyncio.TimerHandle | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.protocol is None or self.protocol.idle

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, make room for it, and begin with TLS if there is to be any."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.add(self)
        if len(self.server.connections) > self.limits.connections:
            oldest = min((one for one in self.server.connections if one.idle), key=lambda one: one.since)
            self.server.connections.discard(oldest)
            oldest.transport.abort()
        self._watch()
        if self.server.tls is not None and not transport.is_closing():
            transport.pause_reading()
            self.server.spawn(self._secure(self.server.tls))

    async def _secure(self, context: ssl.SSLContext) -> None:
        plain = self.transport
        try:
            secured = await self.loop.start_tls(
                plain,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self.limits.header_seconds,
                ssl_shutdown_timeout=self.limits.end_seconds,
            )
        except (OSError, ssl.SSLError) as error:  # TimeoutError and ConnectionError are OSErrors
            logger.info("a handshake of TLS failed: %s", error)
            plain.abort()
            self.connection_lost(None)
            return
        if secured is None or self not in self.server.connections:
            plain.abort()
            return
        self.transport = secured
        self._may_answer = True
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait on unless it completed the headers of a request.

        asyncio passes on what a client sent together with the end of its handshake (TLS 1.3) before
        `start_tls` returns. It is kept until then: an answer would leave unencrypted.
        """
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self.protocol is None:
            self._begun += data
            undecided = len(self._begun) < len(_PREFACE) and _PREFACE.startswith(self._begun)
            if undecided or not self._may_answer:
                return
            data, self._begun = self._begun, b""
            chosen = self._http2 if data.startswith(_PREFACE) else self._http1
            self.protocol = chosen(self)
        self.protocol.receive(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self.server.connections.discard(self)
        for timer in (self._waiting, self._resting, self._unread):
            if timer is not None:
                timer.cancel()
        self._waiting = self._resting = self._unread = None
        self._writable.set()
        if self.protocol is not None:
            self.protocol.closed()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._writable.clear()
        self.must_read()

    def resume_writing(self) -> None:
        """The client has read enough for more to be sent."""
        self._writable.set()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    # What protocols call.

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is being closed."""
        if data and not self.transport.is_closing():
            self.transport.write(data)

    async def writable(self) -> None:
        """Wait until the client has read enough for more to be sent, or has gone."""
        await self._writable.wait()

    def pause_reading(self) -> None:
        """Take no more from the client for now."""
        if self.reading and not self.transport.is_closing():
            self.reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client."""
        if not self.reading and not self.transport.is_closing():
            self.reading = True
            self.transport.resume_reading()

    def close(self) -> None:
        """Close the connection when all has been sent; a client that does not read it is not waited for."""
        if not self.transport.is_closing():
            self.transport.close()
        self.must_read()

    def rest(self) -> None:
        """Wait for the next request."""
        self.since = self.loop.time()
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self.protocol is not None and not self.transport.is_closing():
            self._resting = self.loop.call_later(self.protocol.idle_seconds, self._give_up)

    def must_read(self) -> None:
        """Cut the connection unless the client reads soon."""
        if self._unread is None and self in self.server.connections:
            self._unread = self.loop.call_later(self.limits.read_seconds, self.transport.abort)

    def scope(self, kind: str, version: str) -> Scope:
        """Return what the ASGI scope of each request on this connection has in common."""
        secure = self.transport.get_extra_info("ssl_object") is not None
        scheme = "ws" if kind == "websocket" else "http"
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": version,
            "scheme": scheme + "s" * secure,
            "server": _address(self.transport.get_extra_info("sockname")),
            "client": _address(self.transport.get_extra_info("peername")),
            "root_path": "",
            "state": {},
        }

    # What the server calls.

    def shut_down(self) -> None:
        """Let requests be answered whose bodies come soon, and whose clients read."""
        if self.protocol is None:
            self.close()
        else:
            self.protocol.shut_down()
        self.loop.call_later(self.limits.end_seconds, self._cut)

    def _cut(self) -> None:
        waits = self.protocol is None or self.protocol.waits_for_client
        if waits or not self._writable.is_set() or self.transport.is_closing():
            self.transport.abort()

    def _watch(self) -> None:
        if not self.idle:
            self._stop_waiting()
        elif self._waiting is None and self._resting is None:
            self._waiting = self.loop.call_later(self.limits.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = self._resting = None
        if self.idle and not self.transport.is_closing():
            if self.protocol is not None:
                with contextlib.suppress(Exception):
                    self.protocol.give_up()
            self.close()


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
