"""What is known of each patient: notes and codes, by whatever reference names the patient."""

from __future__ import annotations

from pathlib import Path

from brume.records.model import ingest
from brume.records.model.graph.files import write as write_graph
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
from brume.records.model.patients import patient_records
from tests.components.records.conftest import Export
from tests.components.records.exports import document, patient, write


def test_notes_and_codes_are_the_patients(tmp_path: Path, lake: Lake) -> None:
    def condition(identity: str, reference: str) -> dict[str, object]:
        code = {"coding": [{"system": "s", "code": identity, "display": identity}]}
        return {
            "resourceType": "Condition",
            "id": identity,
            "code": code,
            "subject": {"reference": reference},
        }

    lines = [
        patient("a", identifier=[{"system": "s", "value": "1"}]),
        patient("b"),
        patient("c"),
        condition("x", "Patient?identifier=s|1"),
        condition("y", "Patient/c"),
        condition("z", "Patient?identifier=s|2"),
        document("d", subject={"reference": "Patient/a"}),
        document("e", subject={"reference": "Patient/a"}),
        document("f", subject={}),
    ]
    ingest.run(write(tmp_path / "export", {"all.ndjson": lines}), lake, processes=1)
    make(lake)
    found = {
        one.patient: ([note.id for note, _ in one.notes], [code.resource for code in one.coded])
        for one in patient_records(lake)
    }
    assert found == {
        "": (["DocumentReference/f/0"], []),
        "a": (["DocumentReference/d/0", "DocumentReference/e/0"], ["Condition/x"]),
        "b": ([], []),
        "c": ([], ["Condition/y"]),
    }


def test_the_graph_of_an_export_is_the_same_in_every_run(export: Export, tmp_path: Path) -> None:
    written = [write_graph(tmp_path / name, patient_records(export.lake)) for name in ("one", "two")]
    assert written[0] == written[1]
    assert written[0].patients == export.truth.patients
