"""An export of many patients of whom it is known what they have, and its overview."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brume.records.model import ingest
from brume.records.model.entities import find
from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.lake import Lake
from brume.records.model.note import Note
from brume.records.model.notes.making import make
from tests.components.records.exports import document, patient, write

ICD, RXNORM = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.nlm.nih.gov/research/umls/rxnorm"
DIABETES, WITHOUT, ASTHMA, RARE = (ICD, "E11"), (ICD, "E11.9"), (ICD, "J45.909"), (ICD, "L40.9")
METFORMIN = (RXNORM, "6809")
NAMES = {"E11": "diabetes", "E11.9": "diabetes, plain", "J45.909": "asthma", "L40.9": "psoriasis"}
PATIENTS = 60
"""p00 to p59; every second is a woman, ages are 20 to 79 on 30 November 2026."""


def condition(of: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"{of}-{code}",
        "code": {"coding": [{"system": ICD, "code": code, "display": NAMES[code]}]},
        "subject": {"reference": f"Patient/{of}"},
        "onsetDateTime": "2020-05-01",
        **more,
    }


class Planted:
    """A double of an extractor: finds the four mentions that the notes have."""

    name, version = "planted", "1"

    def extract(self, note: Note) -> tuple[Entity, ...]:
        found = []
        for text, code, trait in (
            ("pneumonia", "J18.9", None),
            ("chest pain", "R07.9", Trait.NEGATION),
            ("breast cancer", "C50.919", Trait.FAMILY),
        ):
            if (begin := note.text.find(text)) >= 0:
                concept = Concept(CodeSystem.ICD10CM, code, text)
                traits = ((trait, 0.9),) if trait else ()
                kind = ("MEDICAL_CONDITION", "DX_NAME", 0.9)
                found.append(Entity(begin, begin + len(text), text, *kind, traits, (concept,)))
        return tuple(found)


def name(number: int) -> str:
    return f"p{number:02}"


def resources() -> list[dict[str, Any]]:
    """Return the export: 0 to 29 have diabetes (from 15 on in its subdivision), 0 to 27 take metformin.

    15 to 44 have asthma, 0 to 4 psoriasis.
    """
    made: list[dict[str, Any]] = []
    for number in range(PATIENTS):
        one = name(number)
        names = [{"given": ["Ann"], "family": f"Planted{number:02}"}]
        sex = "female" if number % 2 else "male"
        made.append(patient(one, name=names, gender=sex, birthDate=f"{2006 - number}-03-01"))
        if number < 30:
            made.append(condition(one, "E11" if number < 15 else "E11.9"))
        if number < 28:
            drug = {"coding": [{"system": RXNORM, "code": "6809", "display": "metformin"}]}
            order = {"resourceType": "MedicationRequest", "id": f"{one}-m", "status": "active"}
            order |= {"medicationCodeableConcept": drug, "authoredOn": "2021-01-02T10:00:00Z"}
            made.append({**order, "subject": {"reference": f"Patient/{one}"}})
        if 15 <= number < 45:
            made.append(condition(one, "J45.909", abatementDateTime="2021"))
        if number < 5:
            made.append(condition(one, "L40.9"))
    period = {"start": "2019-02-03T08:00:00Z", "end": "2019-02-03T09:00:00Z"}
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "period": period}
    made.append({**visit, "type": [{"text": "Visit"}], "subject": {"reference": "Patient/p00"}})
    text = "Assessment: pneumonia. Denies chest pain. Mother had breast cancer. Continue metformin 500 mg."
    about = {"date": "2022-07-08", "type": {"text": "Letter"}}
    made.append(document("n", text, subject={"reference": "Patient/p00"}, **about))
    made.append(document("orphan", text, subject={}))
    return made


def lake_of(folder: Path) -> Lake:
    """Take the export into a lake, with notes and what is found in them."""
    lake = Lake(str(folder / "lake"))
    ingest.run(write(folder / "export", {"all.ndjson": resources()}), lake, processes=1)
    make(lake)
    find(lake, Planted, processes=1)
    return lake
