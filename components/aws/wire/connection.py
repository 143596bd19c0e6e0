"""Connections: how many there are, and how long a client may take on its side of each.

uvicorn bounds the time between requests. A client could still hold a connection for ever by sending the
headers of one byte by byte, by not reading its answers, or while the server ends by not sending its body; and
many connections could use up the descriptors that everything else needs too.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from brume.aws.wire.door import MAX_HEADERS

_DESCRIPTORS = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
MOST = 512 if _DESCRIPTORS == resource.RLIM_INFINITY else min(512, _DESCRIPTORS // 2)
SECONDS = 20.0  # from the connection, or the first byte of a further request, to the end of its headers
READ_SECONDS = 20.0  # for the client to read what keeps the server from sending more, or from closing
IDLE_SECONDS = 5  # between requests
END_SECONDS = 5.0  # when the server ends, for a body that is still to come
_BACKLOG = 100  # connections that are taken at once, before they are counted


def config(application: ASGIApp, **more: Any) -> uvicorn.Config:
    """Return uvicorn's configuration for an application; `more` are other settings of uvicorn."""
    return uvicorn.Config(
        application,
        http=ImpatientProtocol,
        ws="none",
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=MAX_HEADERS,
        timeout_keep_alive=IDLE_SECONDS,
        access_log=False,
        server_header=False,
        **more,
    )


class ImpatientProtocol(H11Protocol):
    """uvicorn's protocol with limits to the time that clients take, and to their number.

    At the limit the connection that has waited longest for a request makes room for a new one; when every
    one has a request, the new one is closed.
    """

    _since = 0.0  # when it began to wait for a request
    _waiting: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or bool(self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > MOST:
            others = [one for one in self.connections if isinstance(one, ImpatientProtocol) and one.idle]
            oldest = min(others, key=lambda one: one._since)
            self.connections.discard(oldest)
            oldest.transport.abort()
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came, and wait on unless it completed the headers of a request."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the client to read the last answer."""
        self._since = self.loop.time()
        super().on_response_complete()
        if self.transport.is_closing():
            self._must_read()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that nothing more is asked on."""
        super().timeout_keep_alive_handler()
        self._must_read()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._must_read()

    def resume_writing(self) -> None:
        """The client has read enough for more to be sent."""
        super().resume_writing()
        if self._unread is not None and not self.transport.is_closing():
            self._unread.cancel()
            self._unread = None

    def shutdown(self) -> None:
        """Let a request be answered whose body comes soon, and whose client reads."""
        super().shutdown()
        self.loop.call_later(END_SECONDS, self._cut)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; in the middle of an answer there is no place to say so."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()
            self._must_read()

    def _must_read(self) -> None:
        if self._unread is None:
            self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _cut(self) -> None:
        if self.conn.their_state is h11.SEND_BODY or self.flow.write_paused or self.transport.is_closing():
            self.transport.abort()

    def _watch(self) -> None:
        if not self.idle:
            self._stop()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.idle and not self.transport.is_closing():
            self.transport.close()
            self._must_read()
