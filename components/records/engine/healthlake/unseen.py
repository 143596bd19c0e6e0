"""Requests for resources that are not there for the key: their rows of the audit."""

from __future__ import annotations

from collections.abc import Sequence

from brume.aws.engine.service import Call
from brume.records.engine.access.audit import DENIED, Audit
from brume.records.engine.access.scopes import Scope
from brume.records.engine.healthlake.store import FhirStore, read


def write(
    audit: Audit,
    fhir: FhirStore,
    call: Call,
    scope: Scope,
    datastore: str,
    resources: Sequence[tuple[str, str]],
) -> None:
    """Write into the audit that resources (type and id) were not found, for a key that does not see all.

    The row names what is there and hidden. There is one for what is not there as well: else the time that
    an answer takes would show which it is.
    """
    if scope.patients is None:
        return
    with fhir.store.read() as db:
        found = [read(db, datastore, *one, None) for one in dict.fromkeys(resources)]
    documents = [f"{one.type}/{one.id}" for one in found if one]
    audit.write(call, scope, documents, outcome=DENIED)
