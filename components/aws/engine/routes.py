"""Signed routes: addresses that no service model describes (FHIR REST, SPARQL, WebSockets).

A request to one passes the same handlers as an operation's: signature, limits, places, metrics, log.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl

from brume.aws.engine.service import Call

Body = bytes | Iterable[bytes] | AsyncIterable[bytes]
_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class RouteRequest:
    """A request whose signature has been verified; header names in lower case, query and labels decoded.

    In `query` a plus sign is one; `form` is the query as HTML forms encode it, where it is a space.
    """

    method: str
    path: str
    labels: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    query_string: str = ""

    @property
    def form(self) -> list[tuple[str, str]]:
        """The parameters of the query, by the rules of application/x-www-form-urlencoded."""
        return parse_qsl(self.query_string, keep_blank_values=True)


@dataclass(frozen=True)
class Reply:
    """The response of a route. A body that is not bytes is sent part by part, as it is made."""

    status: int = 200
    body: Body = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Socket(Protocol):
    """A WebSocket whose handshake has been answered."""

    def __aiter__(self) -> AsyncIterator[bytes | str]:
        """Iterate the client's messages until it closes the socket."""

    async def send(self, message: bytes | str) -> None:
        """Send one message. Raises `ConnectionError` when the client has gone."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket; codes are those of RFC 6455, 7.4.1."""


@dataclass(frozen=True)
class _Address:
    """What all routes have: the service of the credential's scope, and a path.

    A label `{name}` in the path stands for one segment, `{name+}` for one or more.
    """

    service: str
    path: str
    name: str  # in the log and in metrics, as an operation's

    def labels(self, path: str) -> dict[str, str] | None:
        """Return the labels of a path as they stand in it, or None when it is not this route's."""
        match = self._pattern().fullmatch(path)
        return match.groupdict() if match else None

    def _pattern(self) -> re.Pattern[str]:
        parts, rest = "", 0
        for label in _LABEL.finditer(self.path):
            parts += re.escape(self.path[rest : label.start()])
            parts += f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"
            rest = label.end()
        return re.compile(parts + re.escape(self.path[rest:]))


@dataclass(frozen=True)
class SignedRoute(_Address):
    """A route of HTTP. A plain `handler` runs in a thread of the pool, an `async def` one on the event loop.

    It raises `ServiceError`, answered as JSON with `__type` and `message`, or returns errors of its own form.
    """

    handler: Callable[[RouteRequest, Call], Reply | Awaitable[Reply]]
    methods: tuple[str, ...] = ("GET",)
    max_body: int = 11 << 20  # bytes
    seconds: float = 0.0  # that the handler may take; 0: as long as an operation
    first: bool = False  # goes before an operation of the same address: clients send it in other forms too


@dataclass(frozen=True)
class SocketRoute(_Address):
    """A WebSocket, which a presigned URL opens; it is closed when `handler` returns."""

    handler: Callable[[Socket, RouteRequest, Call], Awaitable[None]]
