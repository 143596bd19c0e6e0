"""Resources of FHIR that tests put into data stores, and what refuses a request."""

from __future__ import annotations

import json
from typing import Any

import requests

from brume.records.model.nlp import healthlake

NPI, RECORD, ICD = "http://npi", "http://record", "http://icd"


def patient(identity: str, family: str, **members: Any) -> dict[str, Any]:
    identifier = [{"system": RECORD, "value": f"record-{identity}"}]
    name = [{"family": family, "given": ["Zoë"]}]
    return {"resourceType": "Patient", "id": identity, "identifier": identifier, "name": name, **members}


def condition(
    identity: str, subject: str, code: str, onset: str = "2020-05", **members: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": identity,
        "subject": {"reference": subject},
        "code": {"coding": [{"system": ICD, "code": code}]},
        "onsetDateTime": onset,
        **members,
    }


DOCTOR = {"reference": f"Practitioner?identifier={NPI}|1"}
ACTIVE = {"coding": [{"code": "active"}]}
FOUND = {"Id": 0, "Text": "Strep throat", "BeginOffset": 0, "EndOffset": 12, "Score": 0.9}
FOUND |= {"Category": "MEDICAL_CONDITION", "Type": "DX_NAME"}
LINKED = {**FOUND, "ICD10CMConcepts": [{"Code": "J02.0", "Description": "Streptococcal", "Score": 0.7}]}


RESOURCES = [
    patient("p1", "Ruiz", birthDate="1970-02-03", generalPractitioner=[{"reference": "Practitioner/d1"}]),
    patient("p2", "Ruizdael", birthDate="1980"),
    {
        "resourceType": "Practitioner",
        "id": "d1",
        "identifier": [{"system": NPI, "value": "1"}],
        "name": [{"family": "Okafor"}],
    },
    condition("c1", "Patient/p1", "E11.9", "2019-03-01", asserter=DOCTOR),
    condition("c2", f"Patient?identifier={RECORD}|record-p1", "I10", "2020"),
    condition("c3", "Patient/p2", "E11.9", "2021-06-30T10:00:00+02:00", clinicalStatus=ACTIVE),
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"code": "glucose"}]},
        "subject": {"reference": "Patient/p1"},
        "valueQuantity": {"value": 5.4, "unit": "mmol/L", "system": "http://ucum", "code": "mmol/L"},
        "effectivePeriod": {"start": "2022-01-01"},
    },
    {
        "resourceType": "DocumentReference",
        "id": "n1",
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "U3RyZXA="}}],
        "extension": [
            healthlake.extension({"Entities": [LINKED]}, {"Entities": []}, {"Entities": [FOUND]}, "1")
        ],
    },
]  # fmt: skip


def issue(answer: requests.Response) -> tuple[int, str]:
    """Return status and text of a refusal, which is an OperationOutcome."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    assert answer.headers["content-type"].startswith("application/fhir+json")
    return answer.status_code, json.dumps(outcome["issue"])
