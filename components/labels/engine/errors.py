"""The service's own errors."""

from __future__ import annotations

from collections.abc import Mapping

from brume.aws.engine.service import ServiceError


def invalid(message: str, code: str = "INVALID_INPUT") -> ServiceError:
    """Return what the service answers to a request that it does not take."""
    return ServiceError("InvalidRequestException", message, AthenaErrorCode=code)


def busy(message: str) -> ServiceError:
    """Return what the service answers when it has as much to do as it takes on."""
    return ServiceError("TooManyRequestsException", message, Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED")


def absent(message: str, resource: str) -> ServiceError:
    """Return what the service answers for a prepared statement that there is not."""
    return ServiceError("ResourceNotFoundException", message, ResourceName=resource)


def metadata(message: str) -> ServiceError:
    """Return what the service answers for a database or table that there is not."""
    return ServiceError("MetadataException", message)


def unprocessed(found: Mapping[str, object | None], kind: str) -> list[dict[str, str]]:
    """Return what BatchGet operations say of the ids of a `kind` ("NamedQuery") that nothing was found by."""
    return [
        {f"{kind}Id": one, "ErrorCode": "INVALID_INPUT", "ErrorMessage": f"{kind} {one} was not found"}
        for one, row in found.items()
        if row is None
    ]
