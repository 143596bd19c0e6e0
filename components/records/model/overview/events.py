"""What FHIR R4 resources state to have happened to a patient, and when.

Source: hl7.org/fhir/R4, the pages of the types below: which element has the time, the end and the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brume.records.model.entity import Concept
from brume.records.model.graph.resources import concepts_of
from brume.records.model.resources import Resource

NOTE = "note"


@dataclass(frozen=True)
class Event:
    """One event. `date` and `end` are FHIR's, "" where the resource has none."""

    kind: str
    date: str
    end: str
    title: str
    status: str
    concept: Concept | None


@dataclass(frozen=True)
class _Form:
    """How a type of resources states an event: in the elements named first, or else in the next."""

    kind: str
    dates: tuple[str, ...]
    name: str
    ends: tuple[str, ...] = ()
    status: str = "status"


_PRESCRIBED = "medicationCodeableConcept"
_FORMS = {
    "Encounter": _Form("encounter", ("period",), "type"),
    "Condition": _Form(
        "condition",
        ("onsetDateTime", "onsetPeriod", "recordedDate"),
        "code",
        ("abatementDateTime", "abatementPeriod"),
        "clinicalStatus",
    ),
    "MedicationRequest": _Form("medication", ("authoredOn",), _PRESCRIBED),
    "MedicationStatement": _Form(
        "medication", ("effectiveDateTime", "effectivePeriod", "dateAsserted"), _PRESCRIBED
    ),
    "MedicationAdministration": _Form("medication", ("effectiveDateTime", "effectivePeriod"), _PRESCRIBED),
    "MedicationDispense": _Form("medication", ("whenHandedOver", "whenPrepared"), _PRESCRIBED),
    "Procedure": _Form("procedure", ("performedDateTime", "performedPeriod"), "code"),
    "Immunization": _Form("immunization", ("occurrenceDateTime",), "vaccineCode"),
    "AllergyIntolerance": _Form(
        "allergy", ("onsetDateTime", "onsetPeriod", "recordedDate"), "code", (), "clinicalStatus"
    ),
}
TYPES = tuple(_FORMS)


def event_of(resource: Resource, medications: Mapping[str, list[Concept]]) -> Event | None:
    """Return the event that a resource states; None for one that is of no such type or was an error.

    `medications` are the codes of Medication resources, by their ids.
    """
    form = _FORMS.get(resource.type)
    value = resource.value
    verified = _codes(value.get("verificationStatus"))
    if form is None or "entered-in-error" in verified or value.get("status") == "entered-in-error":
        return None
    status = "refuted" if "refuted" in verified else _text(value.get(form.status))
    named = value.get(form.name)
    if isinstance(named, list):
        named = named[0] if named else None
    concepts = concepts_of(named)
    if form.kind == "medication" and not concepts:
        referred = value.get("medicationReference")
        reference = referred.get("reference", "") if isinstance(referred, Mapping) else ""
        concepts = medications.get(str(reference).rpartition("/")[2].removeprefix("urn:uuid:"), [])
    date, end = _times(value, form)
    title = (concepts[0].display if concepts else "") or _text(named) or resource.type
    return Event(form.kind, date, end, title, status, concepts[0] if concepts else None)


def _times(value: Mapping[str, Any], form: _Form) -> tuple[str, str]:
    date = end = ""
    for name in form.dates:
        found = value.get(name)
        if isinstance(found, Mapping):
            date, end = date or _date(found.get("start")), end or _date(found.get("end"))
        else:
            date = date or _date(found)
    for name in form.ends:
        found = value.get(name)
        end = end or _date(found.get("start") if isinstance(found, Mapping) else found)
    return date, end


def _date(value: Any) -> str:
    """Return a date or time of FHIR; "" for what begins with no year."""
    return value if isinstance(value, str) and value[:4].isdigit() else ""


def _codes(value: Any) -> set[str]:
    """Return the codes of a CodeableConcept, whatever their systems."""
    codings = value.get("coding") if isinstance(value, Mapping) else None
    return {str(one.get("code")) for one in codings or () if isinstance(one, Mapping)}


def _text(value: Any) -> str:
    """Return what a code, a text or a CodeableConcept says in one word or name."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    codings = value.get("coding")
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], Mapping) else {}
    return str(value.get("text") or first.get("display") or first.get("code") or "")
