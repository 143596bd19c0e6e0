"""The parts of a response, and codes and statuses of errors by the service's error shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from brume.aws.engine.service import ServiceError
from brume.aws.wire.writing import OutputError

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


@dataclass
class HttpAnswer:
    """The parts of an HTTP response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def given_members(operation: Any, output: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an output's members that are not None. Raises `OutputError` where the model has no output."""
    given = {name: value for name, value in (output or {}).items() if value is not None}
    if operation.output_shape is None and given:
        raise OutputError(f"{operation.name} has no output, and {', '.join(given)} was returned")
    return given


def success_status(operation: Any) -> int:
    """Return the status of an operation's answer."""
    return int(operation.http.get("responseCode") or 200)


def error_answer(model: Any, error: ServiceError) -> tuple[HttpAnswer, dict[str, Any], Any]:
    """Return an error's answer without a body, its members by the model's names, and its shape or None."""
    shape = model.shape_for_error_code(error.code) if model is not None else None
    answer = HttpAnswer(error.status or status_of(error.code, shape))
    if "RetryAfterSeconds" in error.members:
        answer.headers["retry-after"] = str(int(error.members["RetryAfterSeconds"]))
    return answer, error_members(shape, error), shape


def error_members(shape: Any, error: ServiceError) -> dict[str, Any]:
    """Return the members of an error that its shape has, the message under the name that it has there."""
    members = shape.members if shape is not None else {}
    message = next((name for name in members if name.lower() == "message"), "message")
    # Neptune's errors have the code among their members, and the message under another name.
    repeated = {"code": error.code, "detailedMessage": error.message}
    known = {name: value for name, value in repeated.items() if name in members}
    known |= {name: value for name, value in error.members.items() if name in members and value is not None}
    return {message: error.message, **known}


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
    return next((code for code, shape in codes.items() if status_of(code, shape) == 500), "InternalFailure")


def _codes(operation: Any) -> dict[str, Any]:
    return {str(shape.error_code): shape for shape in operation.error_shapes}


def status_of(code: str, shape: Any) -> int:
    """Return the HTTP status of an error. Models of the json protocols often leave it out."""
    described = (shape.metadata.get("error") or {}) if shape is not None else {}
    otherwise = 500 if code.startswith("Internal") else 400
    return int(described.get("httpStatusCode") or STATUS.get(code, otherwise))
