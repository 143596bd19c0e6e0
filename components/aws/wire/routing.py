"""Which operation of a service a request asks for, and in which of the service's protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brume.aws.wire.protocols import Protocol, spoken
from brume.aws.wire.protocols.query import FORM
from brume.aws.wire.signature import SignedRequest


@dataclass(frozen=True)
class Match:
    """An operation's model, the labels of its URI (percent-encoded), and the protocol of the request."""

    operation: Any
    labels: Mapping[str, str]
    protocol: Protocol


class Router:
    """The operations of one service."""

    def __init__(self, model: Any) -> None:
        """Raises `ValueError` for a service that has no protocol which this server speaks."""
        self._model = model
        self._routes = [(protocol, protocol.routes(model)) for protocol in spoken(model)]
        self.protocols = frozenset(protocol.name for protocol, _ in self._routes)

    def needs_body(self, request: SignedRequest) -> bool:
        """Whether the operation is known only from the body: a form."""
        return (
            "query" in self.protocols
            and request.method == "POST"
            and request.header("content-type").startswith(FORM)
        )

    def find(self, request: SignedRequest, body: bytes = b"") -> Match | None:
        """Return the operation of a request, or None. `body` matters where `needs_body` says so."""
        for protocol, routes in self._routes:
            found = routes.find(request, body)
            if found is not None:
                return Match(self._model.operation_model(found.operation), found.labels, protocol)
        return None
