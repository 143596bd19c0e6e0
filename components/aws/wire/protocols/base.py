"""What the server needs of a protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brume.aws.engine.service import ServiceError
from brume.aws.wire.documents import JSON, Format
from brume.aws.wire.requests import HttpRequest
from brume.aws.wire.responses import HttpAnswer
from brume.aws.wire.signature import SignedRequest


@dataclass(frozen=True)
class Found:
    """An operation's name, and the labels of its URI as they stand in the path (percent-encoded)."""

    operation: str
    labels: Mapping[str, str]


class Routes(ABC):
    """The operations of one service as a protocol addresses them."""

    @abstractmethod
    def find(self, request: SignedRequest, body: bytes) -> Found | None:
        """Return the operation that a request asks for, or None."""


class Protocol(ABC):
    """Reads requests and writes responses of one protocol."""

    name: str
    format: Format = JSON  # of the events of a stream
    has_initial_event = True  # whether the members of a streaming operation are the stream's first event

    @abstractmethod
    def routes(self, model: Any) -> Routes:
        """Return how the operations of a service are addressed."""

    @abstractmethod
    def read(self, operation: Any, request: HttpRequest) -> dict[str, Any]:
        """Return the parameters of an operation: bytes for blobs, datetimes in UTC, no event stream.

        Raises `RequestError` with all faults, and `BodyError` for a body that is not in the format.
        """

    @abstractmethod
    def write(self, operation: Any, output: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
        """Return the response for what a method returned; of a stream only the head.

        Raises `OutputError` when it does not fit the shape.
        """

    @abstractmethod
    def write_error(self, model: Any, error: ServiceError, request_id: str) -> HttpAnswer:
        """Return the response for an error, by the shape for its code where `model` (or None) has one.

        Raises `OutputError` when the error's members do not fit the shape.
        """
