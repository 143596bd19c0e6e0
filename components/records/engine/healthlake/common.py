"""What HealthLake's operations and FHIR's REST share: errors, addresses, look-up."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from brume.aws.engine import arns, lookup
from brume.aws.engine.errors import Errors
from brume.aws.engine.service import Call, ServiceError
from brume.records.engine.healthlake.tables import DATASTORES

SIGNING = "healthlake"  # the service of signatures
ERRORS = Errors("healthlake")


def bad(message: str) -> ServiceError:
    """Return the error of a request that cannot be done as it is."""
    return ERRORS("ValidationException", message)


def absent(what: str, identity: str) -> ServiceError:
    """Return the error of a resource that is not there, or not the caller's."""
    return ERRORS("ResourceNotFoundException", f"There is no {what} {identity}")


def datastore_row(db: Connection, call: Call, identity: str, *, active: bool = False) -> Row[Any]:
    """Return a data store of the caller's; with `active`, refuse one that is being made or deleted."""
    mine = lookup.owned(DATASTORES, call, region=call.region, id=identity)
    found = lookup.one(db, mine, absent("data store", identity))
    if active and found.status not in ("ACTIVE", "UPDATING"):
        message = f"The data store {identity} is {found.status}: it has to be ACTIVE"
        code = "ResourceNotFoundException" if found.status == "DELETED" else "ValidationException"
        raise ERRORS(code, message)
    return found


def endpoint(call: Call, identity: str) -> str:
    """Return the base address of a data store's REST, which ends in a slash."""
    return f"{call.address}/datastore/{identity}/r4/"


def arn(call: Call, identity: str) -> str:
    """Return the ARN of a data store."""
    return str(arns.Arn("healthlake", call.region, call.account, ("datastore", "fhir", identity)))
