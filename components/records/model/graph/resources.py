"""Codes that FHIR R4 resources state of their patients: conditions, medications, procedures.

Source: hl7.org/fhir/R4 (Condition, MedicationRequest, MedicationStatement, MedicationAdministration,
MedicationDispense, Procedure): which element has the code, and which status says that it is not so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brume.records.model.entity import Concept
from brume.records.model.graph.statements import CONDITION, MEDICATION, PROCEDURE, Coded

_MEDICATIONS = (
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
)
KINDS = {"Condition": CONDITION, "Procedure": PROCEDURE, **dict.fromkeys(_MEDICATIONS, MEDICATION)}
_REFUTED = {"refuted", "entered-in-error", "not-done", "not-taken", "declined", "cancelled", "stopped"}
_NO_LONGER = {"stopped", "cancelled"}  # an order that ended was taken until then


def coded_of(resource: Mapping[str, Any], medications: Mapping[str, list[Concept]]) -> Iterator[Coded]:
    """Yield what a resource states; nothing for a type that states no such thing.

    `medications` are the codes of Medication resources, by their ids, which orders may refer to.
    """
    kind = KINDS.get(str(resource.get("resourceType")))
    if kind is None:
        return
    name = f"{resource['resourceType']}/{resource.get('id', '')}"
    for concept in _concepts(resource, kind, medications):
        yield Coded(name, kind, concept, _is_refuted(resource, kind))


def concepts_of(codeable: Any) -> list[Concept]:
    """Return the codes of a CodeableConcept, in their order; codings without system or code have none."""
    if not isinstance(codeable, Mapping):
        return []
    found = []
    for coding in codeable.get("coding") or ():
        if isinstance(coding, Mapping) and coding.get("system") and coding.get("code"):
            display = str(coding.get("display") or codeable.get("text") or "")
            found.append(Concept(str(coding["system"]), str(coding["code"]), display))
    return found


def _concepts(
    resource: Mapping[str, Any], kind: str, medications: Mapping[str, list[Concept]]
) -> list[Concept]:
    if kind != MEDICATION:
        return concepts_of(resource.get("code"))
    if found := concepts_of(resource.get("medicationCodeableConcept")):
        return found
    reference = (resource.get("medicationReference") or {}).get("reference", "")
    if str(reference).startswith("#"):
        for one in resource.get("contained") or ():
            if isinstance(one, Mapping) and one.get("id") == reference[1:]:
                return concepts_of(one.get("code"))
    return medications.get(str(reference).rpartition("/")[2].removeprefix("urn:uuid:"), [])


def _is_refuted(resource: Mapping[str, Any], kind: str) -> bool:
    codes = {coding.code for coding in concepts_of(resource.get("verificationStatus"))}
    codes.add(str(resource.get("status") or ""))
    if kind == MEDICATION:
        codes -= _NO_LONGER
    return bool(codes & _REFUTED) or resource.get("doNotPerform") is True
