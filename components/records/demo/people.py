"""Generated patients and their clinicians, and the resources about them that are no notes."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from typing import Any

from brume.records.demo.note_text import Person
from brume.records.demo.vocabulary import CONDITIONS, DRUGS, FAMILY, GIVEN, STREETS, TOWNS

ICD10CM, RXNORM = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.nlm.nih.gov/research/umls/rxnorm"
NPI, RECORD = "http://hl7.org/fhir/sid/us-npi", "https://brume.example/records"
CLINICIANS = (
    ("9999900101", "Amara", "Thornquist"),
    ("9999900102", "Benedikt", "Rosales"),
    ("9999900103", "Carys", "Whitlock"),
)
_NAMESPACE = uuid.UUID("6f1c9a52-7f0e-5d55-9a0b-7b3c6d0f7a11")
Resource = dict[str, Any]


def identity(*parts: object) -> str:
    """Return an id that is the same in every run."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, parts))))


def person(seed: int, number: int) -> Person:
    """Return a patient; no two of a seed have the same name."""
    chance = random.Random(f"{seed}/person/{number}")  # noqa: S311 - has to be the same again
    sex = chance.choice(("female", "male"))
    given = GIVEN[sex][number % len(GIVEN[sex])]
    family = FAMILY[number // len(GIVEN[sex]) % len(FAMILY)]
    if number >= len(FAMILY) * len(GIVEN[sex]):
        family = f"{family}-{FAMILY[number % len(FAMILY)]}"
    conditions = tuple(chance.sample(CONDITIONS, chance.randrange(1, 4)))
    codes = {one.code for one in conditions}
    return Person(
        id=identity(seed, "Patient", number),
        name=f"{given} {family}",
        sex=sex,
        born=chance.randrange(1935, 1998),
        record=f"{chance.randrange(10**7, 10**8)}",
        phone=f"555-{chance.randrange(100, 1000)}-{chance.randrange(1000, 10000)}",
        email=f"patient{number}.{chance.randrange(1000)}@mail.example",
        address=f"{chance.randrange(1, 400)} {chance.choice(STREETS)}, {chance.choice(TOWNS)}",
        conditions=conditions,
        drugs=tuple(drug for drug in DRUGS if drug.treats in codes),
    )


def clinician(number: int) -> str:
    """Return the name of a clinician as notes have it."""
    _, given, family = CLINICIANS[number % len(CLINICIANS)]
    return f"Dr. {given} {family}"


def conditional(number: int) -> str:
    """Return a conditional reference to a clinician."""
    return f"Practitioner?identifier={NPI}|{CLINICIANS[number % len(CLINICIANS)][0]}"


def practitioners() -> Iterator[Resource]:
    """Yield the clinicians."""
    for npi, given, family in CLINICIANS:
        yield {
            "resourceType": "Practitioner",
            "id": identity("Practitioner", npi),
            "identifier": [{"system": NPI, "value": npi}],
            "name": [{"prefix": ["Dr."], "given": [given], "family": family}],
        }


def patient(one: Person) -> Resource:
    """Return the Patient of a person."""
    given, _, family = one.name.partition(" ")
    return {
        "resourceType": "Patient",
        "id": one.id,
        "identifier": [{"system": RECORD, "value": one.record}],
        "name": [{"use": "official", "given": [given], "family": family}],
        "gender": one.sex,
        "birthDate": f"{one.born}-06-15",
        "telecom": [{"system": "phone", "value": one.phone}, {"system": "email", "value": one.email}],
        "address": [{"text": one.address}],
    }


def conditions(one: Person) -> Iterator[Resource]:
    """Yield the Conditions of a person."""
    for condition in one.conditions:
        coding = {"system": ICD10CM, "code": condition.code, "display": condition.name}
        yield {
            "resourceType": "Condition",
            "id": identity(one.id, "Condition", condition.code),
            "code": {"coding": [coding], "text": condition.name},
            "subject": {"reference": f"Patient/{one.id}"},
            "recordedDate": "2021-03-01",
        }


def medications(one: Person) -> Iterator[Resource]:
    """Yield the MedicationRequests of a person, whom a conditional reference names."""
    for number, drug in enumerate(one.drugs):
        coding = {"system": RXNORM, "code": drug.code, "display": drug.name}
        yield {
            "resourceType": "MedicationRequest",
            "id": identity(one.id, "MedicationRequest", drug.code),
            "status": "active",
            "intent": "order",
            "medicationCodeableConcept": {"coding": [coding], "text": drug.name},
            "subject": {"reference": f"Patient?identifier={RECORD}|{one.record}"},
            "requester": {"reference": conditional(number)},
        }
