"""An answer by its operation's output shape, and an error by the service's own error shape.

Sources: Smithy's aws.protocols (restJson1, awsJson1_0, awsJson1_1), and what the SDKs read: the code of an
error in the header x-amzn-errortype (rest-json) or the member __type (json), the id in x-amzn-requestid.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from brume.aws.engine.service import ServiceError
from brume.aws.wire import timestamps

_TYPES = {"blob": "application/octet-stream", "string": "text/plain; charset=utf-8"}
# Errors of the server itself, which services do not model.
STATUS = {
    "AccessDeniedException": 403,
    "IncompleteSignatureException": 400,
    "InternalFailure": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "RequestEntityTooLargeException": 413,
    "RequestExpired": 403,
    "RequestTimeoutException": 408,
    "SerializationException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}
_VALIDATION = (
    "ValidationException",
    "InvalidRequestException",
    "InvalidParameterException",
    "InvalidParameterValueException",
    "InvalidInputException",
    "BadRequestException",
)


class OutputError(TypeError):
    """What an engine's method returned does not fit the output shape: a fault of the engine."""


@dataclass
class HttpAnswer:
    """The parts of an HTTP response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def write(
    operation: Any, output: Mapping[str, Any] | None, protocol: str, version: str = "1.1"
) -> HttpAnswer:
    """Return the response for what a method returned. Raises `OutputError` when it does not fit the shape.

    `version` is that of the json protocol.
    """
    shape = operation.output_shape
    given = {name: value for name, value in (output or {}).items() if value is not None}
    answer = HttpAnswer(int(operation.http.get("responseCode") or 200))
    if shape is None:
        if given:
            raise OutputError(f"{operation.name} has no output, and {', '.join(given)} was returned")
        given = {}
    if protocol != "rest-json":
        answer.headers["content-type"] = f"application/x-amz-json-{version}"
        answer.body = _json({} if shape is None else _value(shape, given, operation.name))
        return answer
    if shape is not None:
        _rest(shape, given, answer, operation.name)
    elif answer.status != 204:
        answer.headers["content-type"] = "application/json"
        answer.body = b"{}"
    return answer


def validation_code(operation: Any) -> str:
    """Return the code by which an operation's service refuses a request that does not fit its shape."""
    codes = _codes(operation)
    return next((code for code in _VALIDATION if code in codes), "ValidationException")


def throttling_code(operation: Any) -> str:
    """Return the code by which an operation's service turns requests away."""
    codes = _codes(operation)
    return next(
        (code for code in codes if code.startswith(("Throttl", "TooManyRequests"))), "ThrottlingException"
    )


def fault_code(operation: Any) -> str:
    """Return the code by which an operation's service says that it failed."""
    codes = _codes(operation) if operation is not None else {}
    return next((code for code, shape in codes.items() if _status(code, shape) == 500), "InternalFailure")


def _codes(operation: Any) -> dict[str, Any]:
    return {str(shape.error_code): shape for shape in operation.error_shapes}


def _status(code: str, shape: Any) -> int:
    """Return the HTTP status of an error. Models of the json protocols often leave it out."""
    described = (shape.metadata.get("error") or {}) if shape is not None else {}
    otherwise = 500 if code.startswith("Internal") else 400
    return int(described.get("httpStatusCode") or STATUS.get(code, otherwise))


def write_error(model: Any, error: ServiceError, protocol: str, version: str = "1.1") -> HttpAnswer:
    """Return the response for an error, by the service's shape for its code where the model has one."""
    shape = model.shape_for_error_code(error.code) if model is not None else None
    members = shape.members if shape is not None else {}
    answer = HttpAnswer(error.status or _status(error.code, shape))
    body: dict[str, Any] = {} if protocol == "rest-json" else {"__type": error.code}
    message = next((name for name in members if name.lower() == "message"), None)
    key = members[message].serialization.get("name", message) if message else "message"
    body[key] = error.message
    for name, value in error.members.items():
        if name not in members or value is None:
            continue
        key = members[name].serialization.get("name", name)
        if members[name].serialization.get("location") == "header" and protocol == "rest-json":
            answer.headers[key.lower()] = _header(members[name], value)
        else:
            body[key] = _value(members[name], value, name)
    if "RetryAfterSeconds" in error.members:
        answer.headers["retry-after"] = str(int(error.members["RetryAfterSeconds"]))
    if protocol == "rest-json":
        answer.headers |= {"content-type": "application/json", "x-amzn-errortype": error.code}
    else:
        answer.headers["content-type"] = f"application/x-amz-json-{version}"
    answer.body = _json(body)
    return answer


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _rest(shape: Any, given: Mapping[str, Any], answer: HttpAnswer, path: str) -> None:
    """Place the members of a rest-json output."""
    _known(shape, given, path)
    payload = shape.serialization.get("payload")
    body: dict[str, Any] = {}
    says_type = any(
        member.serialization.get("name", "").lower() == "content-type" for member in shape.members.values()
    )
    for name, value in given.items():
        member = shape.members[name]
        where = member.serialization.get("location")
        key = member.serialization.get("name", name)
        if name == payload:
            _payload(member, value, answer, f"{path}.{name}")
            if not says_type:
                answer.headers.setdefault("content-type", _TYPES.get(member.type_name, "application/json"))
        elif where == "statusCode":
            answer.status = int(value)
        elif where == "header":
            answer.headers[key.lower()] = _header(member, value)
        elif where == "headers":
            answer.headers |= {f"{key}{entry}".lower(): str(text) for entry, text in value.items()}
        else:
            body[key] = _value(member, value, f"{path}.{name}")
    if payload is None and answer.status != 204:
        answer.headers.setdefault("content-type", "application/json")
        answer.body = _json(body)


def _payload(member: Any, value: Any, answer: HttpAnswer, path: str) -> None:
    if member.type_name == "blob":
        answer.body = _bytes(value, path)
    elif member.type_name == "string":
        answer.body = str(value).encode()
    else:
        answer.body = _json(_value(member, value, path))


def _known(shape: Any, given: Mapping[str, Any], path: str) -> None:
    unknown = [name for name in given if name not in shape.members]
    if unknown:
        raise OutputError(f"{path} has no member {', '.join(map(str, unknown))}")


def _header(member: Any, value: Any) -> str:
    """Return a member as the text of a header, free of line breaks."""
    kind = member.type_name
    if kind == "list":
        return ",".join(_listed(_header(member.member, item), member.member) for item in value)
    if kind == "timestamp":
        text = str(timestamps.write(value, member.serialization.get("timestampFormat", timestamps.HTTP)))
    elif member.serialization.get("jsonvalue"):
        text = base64.b64encode(_json(value)).decode()
    elif kind == "boolean":
        text = "true" if value else "false"
    elif kind == "blob":
        text = base64.b64encode(_bytes(value, "header")).decode()
    else:
        text = str(value)
    # What was given may not start a header of its own, and a header has no characters beyond ASCII.
    return (
        text if text.isascii() and text.isprintable() else quote(text, safe=" !#$&'()*+,/:;=?@[]~\"<>^`{|}\\")
    )


def _listed(text: str, member: Any) -> str:
    if member.type_name == "string" and ("," in text or '"' in text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def _bytes(value: Any, path: str) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise OutputError(f"{path} must be bytes, not {type(value).__name__}")


def _value(shape: Any, value: Any, path: str) -> Any:
    """Return what JSON holds for `value`; raises `OutputError` for a value of another type."""
    kind = shape.type_name
    try:
        if kind == "structure":
            if getattr(shape, "is_document_type", False):
                return value
            _known(shape, value, path)
            return {
                shape.members[name].serialization.get("name", name): _value(
                    shape.members[name], item, f"{path}.{name}"
                )
                for name, item in value.items()
                if item is not None
            }
        if kind == "list":
            if isinstance(value, (str, bytes)):
                raise OutputError(f"{path} must be a list, not {type(value).__name__}")
            return [_value(shape.member, item, f"{path}[{index}]") for index, item in enumerate(value)]
        if kind == "map":
            return {str(key): _value(shape.value, item, f"{path}.{key}") for key, item in value.items()}
        return _scalar(shape, value, path)
    except (AttributeError, ValueError) as error:
        raise OutputError(f"{path} is no {kind}: {type(value).__name__} ({error})") from error


def _scalar(shape: Any, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "blob":
        return base64.b64encode(_bytes(value, path)).decode()
    if kind == "timestamp":
        return timestamps.write(value, shape.serialization.get("timestampFormat", timestamps.UNIX))
    if kind in ("integer", "long", "bigInteger"):
        return int(value)
    if kind in ("float", "double", "bigDecimal"):
        number = float(value)
        if math.isnan(number):
            return "NaN"
        return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")
    if kind == "boolean":
        return bool(value)
    if not isinstance(value, str):
        raise OutputError(f"{path} must be a string, not {type(value).__name__}")
    return str(value)
