"""A request to a data store: who asks, for whose records, at which address, and what it prefers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from brume.aws.engine.service import Call
from brume.records.engine.access.scopes import Scope
from brume.records.engine.healthlake.visibility import Patients
from brume.records.model.fhir.errors import refused

_JSON = re.compile(r"\*/\*|application/\*|application/(fhir\+)?json|text/json|json")
_PREFERENCE = re.compile(r"\s*(return|handling)\s*=\s*\"?([A-Za-z]+)\"?\s*")
_PREFERENCES = {
    "return": ("minimal", "representation", "OperationOutcome"),
    "handling": ("strict", "lenient"),
}


@dataclass(frozen=True)
class Access:
    """One request; `base` is the address of the data store's REST, which ends in a slash."""

    call: Call
    scope: Scope
    datastore: str
    base: str
    prefer: Mapping[str, str]

    @property
    def patients(self) -> Patients:
        """The patients whose records the request may see, None for all."""
        return self.scope.patients

    @property
    def lenient(self) -> bool:
        """Whether search parameters that are not known are left out."""
        return self.prefer.get("handling") == "lenient"

    def returns(self, otherwise: str) -> str:
        """Return what the answer to a change has: minimal, representation or OperationOutcome."""
        return self.prefer.get("return", otherwise)

    def require_reader(self) -> None:
        """Raise `FhirError` (403) for a key whose records have to be de-identified: FHIR's are not."""
        if self.scope.deidentified:
            raise refused(
                403,
                "forbidden",
                "the key of this request reads de-identified records alone: FHIR's are whole",
            )

    def require_writer(self) -> None:
        """Raise `FhirError` (403) for a key that may not change records."""
        if not self.scope.changes:
            raise refused(403, "forbidden", "the key of this request may not change records")


def preferences(header: str) -> dict[str, str]:
    """Return the preferences of a header Prefer that are known here (RFC 7240); others are left out."""
    found = {}
    for one in re.split("[,;]", header):
        match = _PREFERENCE.fullmatch(one)
        if match and match[2] in _PREFERENCES[match[1]]:
            found[match[1]] = match[2]
    return found


def require_json(headers: Mapping[str, str], *, body: bool) -> None:
    """Raise `FhirError`: 406 where the client takes no JSON, 415 where it sends something else."""
    accepted = headers.get("accept", "")
    if accepted and not any(_JSON.fullmatch(one.split(";")[0].strip()) for one in accepted.split(",")):
        raise refused(406, "not-supported", "this server writes application/fhir+json alone")
    sent = headers.get("content-type", "").split(";")[0].strip()
    if body and sent and not _JSON.fullmatch(sent):
        raise refused(415, "not-supported", "this server reads application/fhir+json alone")
