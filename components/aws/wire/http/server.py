"""The server: it listens, starts and ends the application, and ends well."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from starlette.types import ASGIApp, Message

from brume.aws.wire.http.connection import Connection
from brume.aws.wire.http.http1 import Http1
from brume.aws.wire.http.http2 import Http2
from brume.aws.wire.http.limits import ConnectionLimits
from brume.aws.wire.http.unread import UnreadBodies

logger = logging.getLogger("brume.http")
_BACKLOG = 100  # connections that are taken at once, before they are counted
_END_SECONDS = 25.0  # for running requests, when the server ends


class LifespanError(RuntimeError):
    """The application could not start."""


class ListenError(OSError):
    """An address cannot be listened at; the message names it and the cause."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound, so that a port in use is known before anything is loaded.

    Raises `ListenError`.
    """
    # The protocol is named: asyncio turns off Nagle's wait, 40 ms an answer, only where it is.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ListenError(f"cannot listen at {host}:{port}: {error}: choose another --port") from None
    return listener


class Server:
    """Serves one ASGI application. `tls` makes all of its connections TLS."""

    def __init__(
        self,
        application: ASGIApp,
        *,
        limits: ConnectionLimits | None = None,
        tls: ssl.SSLContext | None = None,
        seconds_to_end: float = _END_SECONDS,
    ) -> None:
        self.limits = limits or ConnectionLimits()
        self.application: ASGIApp = UnreadBodies(application, self.limits)
        self.tls = tls
        self.connections: set[Connection] = set()
        self._lifespan = application
        self._seconds = seconds_to_end
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the connections; it is waited for, for a while, when the server ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def run(self, sockets: Sequence[socket.socket], started: Callable[[], None] = lambda: None) -> None:
        """Serve bound sockets until `stop`, SIGTERM or SIGINT; calls `started` when it listens.

        Raises `LifespanError` when the application cannot start.
        """
        asyncio.run(self._serve(sockets, started))

    def stop(self) -> None:
        """End the server, from any thread: it answers the requests that it has."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self, sockets: Sequence[socket.socket], started: Callable[[], None]) -> None:
        self._loop = loop = asyncio.get_running_loop()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._stop.set)
        lifespan = _Lifespan(self._lifespan)
        await lifespan.start()
        try:
            listening = [
                await loop.create_server(lambda: Connection(self, Http1, Http2), sock=one, backlog=_BACKLOG)
                for one in sockets
            ]
            started()
            await self._stop.wait()
            for server in listening:
                server.close()
            for connection in list(self.connections):
                connection.shut_down()
            await self._end()
        finally:
            await lifespan.end()

    async def _end(self) -> None:
        """Wait for the requests that run; what takes too long is cut."""
        try:
            async with asyncio.timeout(self._seconds):
                while self._tasks or self.connections:
                    if self._tasks:
                        await asyncio.wait(set(self._tasks))
                    else:
                        await asyncio.sleep(0.01)  # what has been sent is on its way
        except TimeoutError:
            logger.warning("the server ends while %d requests are not answered", len(self._tasks))
            for connection in list(self.connections):
                connection.transport.abort()
            for task in set(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


class _Lifespan:
    """Starts an application and ends it, by ASGI's lifespan messages."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application
        self._to: asyncio.Queue[Message] = asyncio.Queue()
        self._from: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the application. Raises `LifespanError`."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._to.put({"type": "lifespan.startup"})
        answer = await self._from.get()
        if answer["type"] != "lifespan.startup.complete":
            raise LifespanError(f"the application did not start: {answer.get('message', '')}")

    async def end(self) -> None:
        """End the application, and wait for its end."""
        await self._to.put({"type": "lifespan.shutdown"})
        answer = await self._from.get()
        if answer["type"] != "lifespan.shutdown.complete":
            logger.error("the application did not end well: %s", answer.get("message", ""))

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        try:
            await self._application(scope, self._to.get, self._from.put)
        except BaseException as error:
            await self._from.put({"type": "lifespan.failed", "message": repr(error)})
            raise
