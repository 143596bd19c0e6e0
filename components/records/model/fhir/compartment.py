"""Which patients a resource is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brume.records.model import references

# Types whose resources are about no patient, so that whoever may read anything may read them.
_SHARED = """
ActivityDefinition CapabilityStatement CodeSystem CompartmentDefinition ConceptMap Device DeviceDefinition
Endpoint HealthcareService Library Location Measure Medication MedicationKnowledge NamingSystem
OperationDefinition Organization OrganizationAffiliation PlanDefinition Practitioner PractitionerRole
Questionnaire SearchParameter Slot Schedule StructureDefinition StructureMap Substance ValueSet
"""
SHARED = frozenset(_SHARED.split())
# Elements by which a reference that states no type may mean a patient.
_PATIENTS = frozenset({"subject", "patient", "beneficiary", "individual", "for", "target", "actor", "entity"})


def patients(resource: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of all patients that a resource names, wherever it does; a Patient names itself.

    A name is the patient's id, or `named` of the identifier by which a reference gives it. A Patient that is
    contained has a name that no other has: nobody knows who it is.
    """
    return frozenset(_named(resource, ""))


def named(system: str | None, value: str) -> str:
    """Return the name of a patient whom a reference gives by an identifier: no id has its form."""
    return f"?{'' if system is None else system}|{value}"


def names(identity: str, identifiers: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield the names that a patient has in references: the id, and those of its identifiers."""
    yield identity
    yield named(references.URN, f"urn:uuid:{identity}")
    for system, value in identifiers:
        yield named(system, value)
        yield named(None, value)


def _named(value: Any, element: str) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("resourceType") == "Patient":
            identity = str(value.get("id", ""))
            yield named(None, f"#{identity}") if element == "contained" else identity
        if "reference" in value or "identifier" in value:
            yield from _of_reference(value, element)
        for name, inner in value.items():
            yield from _named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, element)


def _of_reference(value: Mapping[str, Any], element: str) -> Iterator[str]:
    found = references.parse(value)
    if isinstance(found, references.Literal) and found.type == "Patient":
        yield found.id
    elif isinstance(found, references.ByIdentifier) and (
        found.type == "Patient" or (not found.type and element in _PATIENTS)
    ):
        yield named(found.system, found.value)
