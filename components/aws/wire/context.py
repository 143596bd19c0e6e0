"""What is known of one request while the handlers work on it."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope

from brume.aws.engine.routes import Body, SignedRoute, SocketRoute
from brume.aws.engine.service import Call
from brume.aws.wire import responses, signature
from brume.aws.wire.keys import ACCOUNT, Key
from brume.aws.wire.protocols import Protocol
from brume.aws.wire.routing import Match
from brume.aws.wire.served import Served, Service

SMALL = 32 << 10  # bytes of a body that are hashed in less time than a thread takes to begin


@dataclass(frozen=True)
class Caller:
    """A claim of who asks and the key that it names; both are None of an anonymous caller."""

    claim: signature.Claim | None = None
    key: Key | None = None


@dataclass
class Context:
    """One request. Handlers fill it in, in the order of the fields."""

    scope: Scope
    receive: Receive
    request: signature.SignedRequest
    release: contextlib.AsyncExitStack  # what is given back when the request has been answered
    protocol: Protocol  # at first a guess, enough to answer an error in the form its client reads
    started: float = field(default_factory=time.monotonic)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    caller: Caller = field(default_factory=Caller)
    served: Served | None = None
    service: Service | None = None
    match: Match | None = None
    route: SignedRoute | SocketRoute | None = None
    labels: Mapping[str, str] = field(default_factory=dict)  # of the route
    method: Callable[..., Any] | None = None
    received: bool = False  # whether the body has been read
    body: bytes = b""
    output: Any = None
    answer: responses.HttpAnswer | None = None
    stream: Body | None = None  # the answer's body, where it is not all there yet
    code: str = ""  # of the error

    @property
    def operation(self) -> Any:
        """The model of the operation; None for a route."""
        return self.match.operation if self.match else None

    @property
    def operation_name(self) -> str:
        """The name for logs and metrics."""
        if self.match is not None:
            return str(self.match.operation.name)
        return self.route.name if self.route is not None else "-"

    @property
    def service_name(self) -> str:
        """The name for logs and metrics: botocore's, or a route's signing name."""
        if self.service is not None:
            return self.service.name
        return self.route.service if self.route is not None else "-"

    @property
    def seconds(self) -> float:
        """Seconds since the request began."""
        return time.monotonic() - self.started

    @property
    def duplex(self) -> bool:
        """Whether the response is sent while the request is read."""
        return self.match is not None and bool(self.match.operation.has_event_stream_input)

    @property
    def streaming(self) -> bool:
        """Whether the request holds a stream for as long as its client likes."""
        if self.match is None:
            return isinstance(self.route, SocketRoute)
        operation = self.match.operation
        return bool(operation.has_event_stream_input or operation.has_event_stream_output)

    @property
    def throttling_code(self) -> str:
        """The code of the error for a request that is turned away."""
        return responses.throttling_code(self.operation) if self.match else "ThrottlingException"

    @property
    def call(self) -> Call:
        """Who asks, for the engine."""
        key, claim = self.caller.key, self.caller.claim
        return Call(
            request_id=self.request_id,
            account=key.account if key else ACCOUNT,
            region=claim.region if claim else "us-east-1",
            access_key=key.access_key if key else "anonymous",
            service=self.service_name,
            operation=self.operation_name,
            page_secret=self.served.engine.page_secret if self.served else b"",
            address=self._address,
        )

    @property
    def _address(self) -> str:
        headers = dict(self.request.headers)
        # A proxy that ends TLS says so; the answer goes to the caller alone, whatever the headers name.
        secure = "https" in (headers.get("x-forwarded-proto"), self.scope.get("scheme"))
        return f"{'https' if secure else 'http'}://{headers['host']}" if headers.get("host") else ""


def signed_request(scope: Scope) -> signature.SignedRequest:
    """Return the parts of a request that its signature covers."""
    headers = [(name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"]]
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    # The handshake of a WebSocket is a GET.
    method = scope.get("method", "GET")
    return signature.SignedRequest(method, path, scope["query_string"].decode("latin-1"), headers)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
