"""Entities in the lake: found where a text or the extractor is new, kept where neither is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from brume.records.model import entities, ingest
from brume.records.model.entity import CodeSystem, Concept, Entity, Extractor, Trait
from brume.records.model.lake import Lake
from brume.records.model.note import Note
from brume.records.model.notes.making import make
from brume.records.model.patients import drug_names, patient_records
from tests.components.records.exports import document, write

READ: list[str] = []  # the notes that were read, in this process


class Words:
    """Finds a word in each note, with all that an entity can have."""

    name = "words"

    def __init__(self, version: str) -> None:
        self.version = version

    def extract(self, note: Note) -> tuple[Entity, ...]:
        READ.append(note.text)
        dose = Entity(2, 3, note.text[2:3], "MEDICATION", "DOSAGE", 0.9)
        concept = Concept(CodeSystem.ICD10CM, "I10", "Hypertension", 0.75)
        traits = ((Trait.NEGATION, 0.5), (Trait.DIAGNOSIS, 1.0))
        return (
            Entity(
                0, 1, note.text[:1], "MEDICAL_CONDITION", "DX_NAME", 0.8, traits, (concept,), "plan", (dose,)
            ),
        )


def maker(version: str) -> Callable[[], Extractor]:
    return functools.partial(Words, version)


@pytest.fixture
def notes(tmp_path: Path, lake: Lake) -> Callable[..., None]:
    def put(**texts: str) -> None:
        documents = [document(name, text) for name, text in texts.items()]
        ingest.run(write(tmp_path / "export", {"x.ndjson": documents}), lake, processes=1)
        make(lake)
        READ.clear()

    return put


def test_entities_are_read_back_as_they_were_found(lake: Lake, notes: Callable[..., None]) -> None:
    notes(a="aaa é", b="bbb")
    assert entities.find(lake, maker("1"), processes=1) == entities.Summary(2, 0, 2)
    found = {note.id: some for one in patient_records(lake) for note, some in one.notes}
    texts = {"a": "aaa é", "b": "bbb"}
    assert found == {
        f"DocumentReference/{name}/0": Words("1").extract(Note("", "", text)) for name, text in texts.items()
    }


def test_only_what_is_new_or_changed_is_read(lake: Lake, notes: Callable[..., None]) -> None:
    notes(a="aaa", b="bbb", c="ccc")
    entities.find(lake, maker("1"), processes=1)
    state = lake.snapshot()
    READ.clear()
    assert entities.find(lake, maker("1"), processes=1) == entities.Summary(0, 3, 3)
    assert READ == [] and lake.snapshot() == state
    notes(a="aaa", b="other", d="ddd")
    assert entities.find(lake, maker("1"), processes=1) == entities.Summary(2, 1, 3)
    assert READ == ["other", "ddd"]
    assert {row["note"] for row in lake.table("entities").to_pylist()} == {
        f"DocumentReference/{name}/0" for name in "abd"
    }
    READ.clear()
    assert entities.find(lake, maker("2"), processes=1).read == 3
    assert lake.table("entities").num_rows == 3


def test_an_extractor_that_fails_leaves_the_lake_as_it_was(lake: Lake, notes: Callable[..., None]) -> None:
    class Broken(Words):
        def extract(self, note: Note) -> tuple[Entity, ...]:
            raise RuntimeError("no answer")

    notes(a="aaa")
    entities.find(lake, maker("1"), processes=1)
    state = lake.snapshot()
    with pytest.raises(RuntimeError, match="no answer"):
        entities.find(lake, functools.partial(Broken, "2"), processes=1)
    assert lake.snapshot() == state
    assert len(list(Path(lake.uri).rglob("entities/*.parquet"))) == 1


def test_names_of_drugs_are_those_of_the_export(tmp_path: Path, lake: Lake) -> None:
    def coding(code: str, system: str = CodeSystem.RXNORM) -> dict[str, object]:
        return {"coding": [{"system": system, "code": code, "display": f"drug {code}"}]}

    lines: list[dict[str, object]] = [
        {"resourceType": "Medication", "id": "m", "code": coding("1")},
        {"resourceType": "MedicationRequest", "id": "r", "medicationCodeableConcept": coding("2")},
        {"resourceType": "MedicationStatement", "id": "s", "medicationCodeableConcept": coding("3", "other")},
        {"resourceType": "Condition", "id": "c", "code": coding("4")},
    ]
    ingest.run(write(tmp_path / "export", {"x.ndjson": lines}), lake, processes=1)
    assert set(drug_names(lake)) == {("1", "drug 1"), ("2", "drug 2")}
