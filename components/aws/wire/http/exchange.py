"""One request and its response for an ASGI application, the same for HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import abc
import asyncio
import logging
import time
from collections.abc import Iterable
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Scope

logger = logging.getLogger("brume.http")
HIGH_WATER = 64 << 10  # bytes of a body that wait for the application before the client has to wait

Headers = list[tuple[bytes, bytes]]


class Exchange(abc.ABC):
    """Holds what has come of a request; a protocol sends what the application answers."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.complete = False  # the response has been sent to its end
        self.disconnected = False
        self._started = False
        self._body = bytearray()
        self._more = True  # of the body is to come
        self._news = asyncio.Event()

    @abc.abstractmethod
    async def _writable(self) -> None:
        """Wait until the client has read enough for more to be sent."""

    @abc.abstractmethod
    def _send_headers(self, status: int, headers: Headers) -> None:
        """Send the head of the response."""

    @abc.abstractmethod
    async def _send_data(self, data: bytes, *, last: bool) -> None:
        """Send a part of the response's body, and its end after the last."""

    @abc.abstractmethod
    def _wanted(self) -> None:
        """The application waits for more of the body."""

    @abc.abstractmethod
    def _used(self, size: int) -> None:
        """The application has taken `size` bytes of the body."""

    @abc.abstractmethod
    def _failed(self) -> None:
        """The application ended before the response did: cut it."""

    @abc.abstractmethod
    def _completed(self) -> None:
        """The response has been sent to its end."""

    @property
    def ended(self) -> bool:
        """Whether all of the request has come."""
        return not self._more

    @property
    def full(self) -> bool:
        """Whether the application has to take what came before more is read."""
        return len(self._body) > HIGH_WATER

    def take(self, data: bytes) -> None:
        """Take a part of the body that came."""
        self._body += data
        self._news.set()

    def end(self) -> None:
        """The body has come to its end."""
        self._more = False
        self._news.set()

    def disconnect(self) -> None:
        """The client has gone."""
        self.disconnected = True
        self._news.set()

    async def receive(self) -> Message:
        """Return the next part of the body, or that the client has gone or needs no more."""
        while not (self._news.is_set() or self.disconnected or self.complete):
            self._wanted()
            await self._news.wait()
        self._news.clear()
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        body, self._body = bytes(self._body), bytearray()
        self._used(len(body))
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        """Send a part of the response. Raises `ConnectionError` when the client has gone."""
        await self._writable()
        if self.disconnected:
            raise ConnectionResetError("the client has gone")
        kind = message["type"]
        if kind == "http.response.start" and not self._started:
            self._started = True
            self._send_headers(message["status"], [*_lower(message.get("headers", [])), _date()])
        elif kind == "http.response.body" and self._started and not self.complete:
            last = not message.get("more_body", False)
            data = b"" if self.scope["method"] == "HEAD" else bytes(message.get("body", b""))
            await self._send_data(data, last=last)
            if last and not self.disconnected:
                self.complete = True
                self._news.set()
                self._completed()
        else:
            raise RuntimeError(f"the application sent {kind} out of its order")

    async def run(self, application: ASGIApp) -> None:
        """Let the application answer; an answer that it leaves unfinished is a 500, or is cut."""
        try:
            await application(self.scope, self.receive, self.send)
        except ConnectionError:
            logger.debug("the connection ended before the response")
        except Exception:
            logger.exception("the application failed")
        if self.complete or self.disconnected:
            return
        if self._started:
            self._failed()
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"Internal Server Error"})


def _lower(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return [(name.lower(), value) for name, value in headers]


def _date() -> tuple[bytes, bytes]:
    return (b"date", formatdate(time.time(), usegmt=True).encode())
