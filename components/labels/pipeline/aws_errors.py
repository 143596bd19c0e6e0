"""Messages of errors of AWS services, with the remedy."""

from __future__ import annotations

from botocore.exceptions import ClientError

from brume.aws.engine.catalog import endpoint_variable

_DENIED = ("AccessDeniedException", "AccessDenied", "UnauthorizedOperation")


def explain(service: str, error: Exception, **remedies: str) -> str:
    """Return the message of a botocore error of `service`, and what to do.

    `remedies` are those for codes of the service's own, by code; a denied operation is named as in a policy.
    """
    if not isinstance(error, ClientError):
        return f"{error}. Check the credentials, the network and {endpoint_variable(service)}"
    code = error.response["Error"]["Code"]
    remedy = remedies.get(code)
    if remedy is None and code in _DENIED:
        remedy = f"allow the credentials {service}:{error.operation_name}"
    return f"{error}; {remedy}" if remedy else str(error)
