"""The errors that operations of visual inspection answer with."""

from __future__ import annotations

from brume.aws.engine.errors import Errors
from brume.aws.engine.idempotency import Refuse
from brume.aws.engine.service import ServiceError

ERRORS = Errors("lookoutvision")


def invalid(message: str) -> ServiceError:
    """Return the error of a request that the caller has to change."""
    return ERRORS("ValidationException", message)


def conflict(message: str, resource: str, kind: str) -> ServiceError:
    """Return the error of a request that does not fit the state; `kind` is PROJECT, DATASET, MODEL ..."""
    return ERRORS("ConflictException", message, ResourceId=resource, ResourceType=kind)


def absent(message: str, resource: str, kind: str) -> ServiceError:
    """Return the error of a request for what is not there."""
    return ERRORS("ResourceNotFoundException", message, ResourceId=resource, ResourceType=kind)


def over_quota(message: str, resource: str, kind: str, quota: str) -> ServiceError:
    """Return the error of a request that would exceed `quota` (see quotas.py)."""
    return ERRORS(
        "ServiceQuotaExceededException",
        message,
        ResourceId=resource,
        ResourceType=kind,
        QuotaCode=quota,
        ServiceCode="lookoutvision",
    )


def mismatch(resource: str, kind: str) -> Refuse:
    """Return what makes the error of a client token that came with other parameters."""
    return lambda message: conflict(message, resource, kind)
