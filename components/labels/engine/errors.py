"""The errors of Athena, each checked against the service's model."""

from __future__ import annotations

from collections.abc import Mapping

from brume.aws.engine.errors import Errors
from brume.aws.engine.service import ServiceError

_ERRORS = Errors("athena")


def invalid(message: str, code: str = "INVALID_INPUT") -> ServiceError:
    """Return the error for a request that the service does not accept."""
    return _ERRORS("InvalidRequestException", message, AthenaErrorCode=code)


def busy(message: str) -> ServiceError:
    """Return the error for a query beyond those that may wait."""
    return _ERRORS("TooManyRequestsException", message, Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED")


def absent(message: str, resource: str) -> ServiceError:
    """Return the error for a resource that does not exist, where the model has one of its own."""
    return _ERRORS("ResourceNotFoundException", message, ResourceName=resource)


def metadata(message: str) -> ServiceError:
    """Return the error for a database or table that does not exist."""
    return _ERRORS("MetadataException", message)


def full(message: str) -> ServiceError:
    """Return the error for a disk without room for the engine's state."""
    return _ERRORS("InternalServerException", message)


def unprocessed(found: Mapping[str, object | None], kind: str) -> list[dict[str, str]]:
    """Return the entries of a BatchGet operation for the ids of a `kind` that were not found."""
    return [
        {f"{kind}Id": one, "ErrorCode": "INVALID_INPUT", "ErrorMessage": f"{kind} {one} was not found"}
        for one, row in found.items()
        if row is None
    ]
