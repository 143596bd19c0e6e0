"""The protocols json 1.0 and 1.1: the operation in X-Amz-Target, one JSON object each way.

Source: Smithy's awsJson1_0 and awsJson1_1. The code of an error is the member __type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brume.aws.engine.service import ServiceError
from brume.aws.wire import eventstream
from brume.aws.wire.documents import JSON
from brume.aws.wire.protocols.base import Found, Protocol, Routes
from brume.aws.wire.requests import HttpRequest
from brume.aws.wire.responses import HttpAnswer, error_answer, given_members, success_status
from brume.aws.wire.signature import SignedRequest


class _Targets(Routes):
    def __init__(self, model: Any) -> None:
        self._prefix = model.metadata.get("targetPrefix", "")
        self._names = frozenset(model.operation_names)

    def find(self, request: SignedRequest, body: bytes) -> Found | None:
        prefix, _, name = request.header("x-amz-target").rpartition(".")
        if request.method == "POST" and prefix == self._prefix and name in self._names:
            return Found(name, {})
        return None


class JsonRpc(Protocol):
    """json: the version is that of the service's model."""

    name = "json"

    def routes(self, model: Any) -> Routes:
        """Return how the operations of a service are addressed."""
        return _Targets(model)

    def read(self, operation: Any, request: HttpRequest) -> dict[str, Any]:
        """Return the parameters of an operation."""
        if operation.input_shape is None or operation.has_event_stream_input:
            return {}
        return JSON.reader().read(operation.input_shape, JSON.loads(request.body))

    def write(self, operation: Any, output: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
        """Return the response for what a method returned."""
        given = given_members(operation, output)
        answer = HttpAnswer(success_status(operation))
        if operation.has_event_stream_output:
            answer.headers["content-type"] = eventstream.TYPE
            return answer
        answer.headers["content-type"] = _type(operation.service_model)
        shape = operation.output_shape
        answer.body = b"{}" if shape is None else JSON.write(shape, given, operation.name)
        return answer

    def write_error(self, model: Any, error: ServiceError, request_id: str) -> HttpAnswer:
        """Return the response for an error."""
        answer, members, shape = error_answer(model, error)
        body = JSON.writer.value(shape, members, error.code) if shape is not None else members
        answer.headers["content-type"] = _type(model)
        answer.body = JSON.dumps({"__type": error.code, **body})
        return answer


def _type(model: Any) -> str:
    version = model.metadata.get("jsonVersion", "1.1") if model is not None else "1.1"
    return f"application/x-amz-json-{version}"
