"""Codes that FHIR resources state, and those that they refute."""

from __future__ import annotations

from typing import Any

import pytest

from brume.records.model.entity import Concept
from brume.records.model.graph.resources import coded_of

SNOMED = "http://snomed.info/sct"
ASTHMA = {"coding": [{"system": SNOMED, "code": "195967001", "display": "Asthma (disorder)"}]}
PROCEDURE = {"resourceType": "Procedure", "code": ASTHMA}
ASPIRIN = {"coding": [{"code": "no system"}, {"system": "urn:rx", "code": "1191"}], "text": "Aspirin"}

TAKEN = {"resourceType": "MedicationStatement", "medicationCodeableConcept": ASPIRIN}


def status(code: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Condition", "code": ASTHMA}, ("condition", "195967001", False)),
        (
            {"resourceType": "Condition", "code": ASTHMA, "verificationStatus": status("confirmed")},
            ("condition", "195967001", False),
        ),
        (
            {"resourceType": "Condition", "code": ASTHMA, "verificationStatus": status("refuted")},
            ("condition", "195967001", True),
        ),
        (
            {"resourceType": "Condition", "code": ASTHMA, "verificationStatus": status("entered-in-error")},
            ("condition", "195967001", True),
        ),
        (
            {"resourceType": "Procedure", "code": ASTHMA, "status": "not-done"},
            ("procedure", "195967001", True),
        ),
        (
            {"resourceType": "Procedure", "code": ASTHMA, "status": "stopped"},
            ("procedure", "195967001", True),
        ),
        (
            {"resourceType": "MedicationRequest", "medicationCodeableConcept": ASPIRIN, "status": "stopped"},
            ("medication", "1191", False),
        ),
        (
            {
                "resourceType": "MedicationStatement",
                "medicationCodeableConcept": ASPIRIN,
                "status": "not-taken",
            },
            ("medication", "1191", True),
        ),
        (
            {"resourceType": "MedicationRequest", "medicationCodeableConcept": ASPIRIN, "doNotPerform": True},
            ("medication", "1191", True),
        ),
        (
            {"resourceType": "MedicationRequest", "medicationReference": {"reference": "urn:uuid:m1"}},
            ("medication", "6809", False),
        ),
        (
            {"resourceType": "MedicationRequest", "medicationReference": {"reference": "Medication/m1"}},
            ("medication", "6809", False),
        ),
        (
            {
                "resourceType": "MedicationRequest",
                "medicationReference": {"reference": "#inside"},
                "contained": [{"resourceType": "Medication", "id": "inside", "code": ASPIRIN}],
            },
            ("medication", "1191", False),
        ),
    ],
)
def test_what_a_resource_states(resource: dict[str, Any], expected: tuple[str, str, bool]) -> None:
    medications = {"m1": [Concept("urn:rx", "6809", "metformin")]}
    (one,) = coded_of({"id": "r1", **resource}, medications)
    assert (one.kind, one.concept.code, one.refuted) == expected
    assert one.resource == f"{resource['resourceType']}/r1"


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient"},
        {},
        {"resourceType": "Condition"},
        {"resourceType": "Condition", "code": "text"},
        {"resourceType": "Condition", "code": {"text": "only"}},
        {"resourceType": "MedicationRequest", "medicationReference": {"reference": "Medication/unknown"}},
        {"resourceType": "MedicationRequest", "medicationReference": None},
    ],
)
def test_what_states_no_code_is_passed_over(resource: dict[str, Any]) -> None:
    assert list(coded_of(resource, {})) == []
