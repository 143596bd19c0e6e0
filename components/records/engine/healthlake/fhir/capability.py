"""The CapabilityStatement: what the routes of a data store do, made of what does it."""

from __future__ import annotations

import functools
from typing import Any

from brume.records.model.fhir.parameters import Kind, Parameter, parameters
from brume.records.model.fhir_types import RESOURCE_TYPES

_DATE = "2026-11-30"  # of the last change of what is stated
_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_OPERATION = "http://hl7.org/fhir/OperationDefinition/"
_EXPORT = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"


def statement(base: str) -> dict[str, Any]:
    """Return the CapabilityStatement of the data store at a base address."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _DATE,
        "kind": "instance",
        "software": {"name": "Brume"},
        "implementation": {"description": "A data store of records", "url": base.rstrip("/")},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [_rest()],
    }


@functools.cache
def _rest() -> dict[str, Any]:
    return {
        "mode": "server",
        "security": {"description": "AWS Signature Version 4, service healthlake"},
        "resource": [_resource(kind) for kind in sorted(RESOURCE_TYPES)],
        "interaction": [{"code": code} for code in ("transaction", "batch", "history-system")],
        "operation": [{"name": "export", "definition": f"{_EXPORT}export"}],
    }


def _resource(kind: str) -> dict[str, Any]:
    known = parameters(kind).values()
    references = [one.name for one in known if one.kind is Kind.REFERENCE]
    found: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "not-match",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "logical"],
        "searchInclude": [f"{kind}:{name}" for name in references],
        "searchRevInclude": list(_reverse()) if kind == "Patient" else [],
        "searchParam": [_parameter(one) for one in known],
    }
    if kind == "Patient":
        found["operation"] = [
            {"name": "everything", "definition": f"{_OPERATION}Patient-everything"},
            {"name": "export", "definition": f"{_EXPORT}patient-export"},
        ]
    elif kind == "Group":
        found["operation"] = [{"name": "export", "definition": f"{_EXPORT}group-export"}]
    return {name: value for name, value in found.items() if value != []}


@functools.cache
def _reverse() -> tuple[str, ...]:
    """Return what may be a _revinclude of patients, whose references name patients alone."""
    return tuple(f"{kind}:patient" for kind in sorted(RESOURCE_TYPES) if "patient" in parameters(kind))


def _parameter(one: Parameter) -> dict[str, str]:
    found = {"name": one.name, "type": one.kind.value}
    if one.kind is Kind.COMPOSITE:
        found["documentation"] = "TEXT|VALUE of one entity; a score is the least one"
    return found
