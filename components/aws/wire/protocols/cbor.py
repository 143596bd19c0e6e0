"""The protocol smithy-rpc-v2-cbor: the operation in the path, one CBOR map each way.

Source: Smithy's rpcv2Cbor. The code of an error is the member __type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from brume.aws.engine.service import ServiceError
from brume.aws.wire import eventstream
from brume.aws.wire.documents import CBOR
from brume.aws.wire.protocols.base import Found, Protocol, Routes
from brume.aws.wire.requests import HttpRequest
from brume.aws.wire.responses import HttpAnswer, error_answer, given_members, success_status
from brume.aws.wire.signature import SignedRequest

HEADER, VALUE = "smithy-protocol", "rpc-v2-cbor"
_PATH = re.compile("/service/([A-Za-z0-9_]+)/operation/([A-Za-z0-9_]+)")


class _Paths(Routes):
    def __init__(self, model: Any) -> None:
        self._service = model.metadata.get("targetPrefix", "")
        self._names = frozenset(model.operation_names)

    def find(self, request: SignedRequest, body: bytes) -> Found | None:
        path = _PATH.fullmatch(request.path)
        if request.method != "POST" or request.header(HEADER) != VALUE or path is None:
            return None
        known = path[1] == self._service and path[2] in self._names
        return Found(path[2], {}) if known else None


class RpcV2Cbor(Protocol):
    """smithy-rpc-v2-cbor."""

    name = "smithy-rpc-v2-cbor"
    format = CBOR

    def routes(self, model: Any) -> Routes:
        """Return how the operations of a service are addressed."""
        return _Paths(model)

    def read(self, operation: Any, request: HttpRequest) -> dict[str, Any]:
        """Return the parameters of an operation."""
        if operation.input_shape is None or operation.has_event_stream_input:
            return {}
        return CBOR.reader().read(operation.input_shape, CBOR.loads(request.body))

    def write(self, operation: Any, output: Mapping[str, Any] | None, request_id: str) -> HttpAnswer:
        """Return the response for what a method returned."""
        given = given_members(operation, output)
        answer = HttpAnswer(success_status(operation), headers={HEADER: VALUE})
        if operation.has_event_stream_output:
            answer.headers["content-type"] = eventstream.TYPE
        elif operation.output_shape is not None:
            answer.headers["content-type"] = CBOR.media
            answer.body = CBOR.write(operation.output_shape, given, operation.name)
        return answer

    def write_error(self, model: Any, error: ServiceError, request_id: str) -> HttpAnswer:
        """Return the response for an error."""
        answer, members, shape = error_answer(model, error)
        body = CBOR.writer.value(shape, members, error.code) if shape is not None else members
        answer.headers |= {HEADER: VALUE, "content-type": CBOR.media}
        answer.body = CBOR.dumps({"__type": error.code, **body})
        return answer
