"""What passes between the server and an engine: calls, errors of the service, the engine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from brume.aws.engine.routes import SignedRoute, SocketRoute


@dataclass(frozen=True)
class Call:
    """Who asks, and for what: the access key has been checked, the account is the one it belongs to."""

    request_id: str
    account: str
    region: str
    access_key: str
    service: str
    operation: str
    page_secret: bytes = field(default=b"", repr=False)  # of the engine: authenticates page tokens
    address: str = ""  # at which the caller reached the engine, e.g. "https://captions.example:8443"


class ServiceError(Exception):
    """An error of the service's own, answered with the shape and the HTTP status that its model gives it."""

    status: int | None = None  # in place of the model's; for errors of the server itself

    def __init__(self, code: str, message: str, **members: Any) -> None:
        """`members` are the error shape's other members, e.g. `ResourceId=...` or `RetryAfterSeconds=1`.

        A code that the model does not have is answered with status 400.
        """
        super().__init__(message)
        self.code = code
        self.message = message
        self.members = members


@dataclass
class Engine:
    """What one process serves.

    `services` maps botocore's name of a service to an object whose methods are named like boto3's client
    methods. Each is `def describe_project(self, request: dict, call: Call) -> dict`: the request has been
    checked by shape (streaming bodies are bytes, timestamps aware datetimes), the answer is written by
    shape, members that are None left out. Plain methods run in a bounded pool of threads, `async def` ones
    on the event loop, which they must not hold up.

    A streaming blob of the output is bytes, or an iterable or async iterable of bytes, sent as it is made. An
    event stream of the output is an iterable or async iterable of single-member dicts
    (`{"TranscriptEvent": {...}}`); a `ServiceError` that it raises ends the stream as an exception event.
    The event stream of an input is an async iterator of such dicts; a method that has one is `async def`, and
    returns before it reads: the head of the response goes out first.
    """

    services: Mapping[str, object]
    ready: Callable[[], str | None] = lambda: None  # why the engine cannot answer yet; None when it can
    close: Callable[[], None] = lambda: None  # called once, after the last request has ended
    routes: Sequence[SignedRoute | SocketRoute] = ()  # what no service model describes
    pages: Sequence[BaseRoute] = ()  # a web page, outside the signature check; it authenticates by itself
    # Authenticates page tokens; `Store.secret` keeps one, so that tokens hold after a restart.
    page_secret: bytes = field(default_factory=partial(secrets.token_bytes, 32), repr=False)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)  # what /metrics shows
    hint: str = ""  # what the person who starts the engine should know; no secret: logs are kept
    max_body: int = 11 << 20  # bytes of one request; an operation whose blobs may be larger gets more
