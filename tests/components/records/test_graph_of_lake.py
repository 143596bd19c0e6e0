"""The graph of a lake: each patient once, with notes and codes, and none of another's."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from brume.records.model import ingest
from brume.records.model.graph.files import write
from brume.records.model.graph.lake_records import patient_records
from brume.records.model.graph.statements import patient_quads
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make

EDGES = ("hasCondition", "hasFinding", "takes", "underwent")
SNOMED = "http://snomed.info/sct"


def lake_of(folder: Path, resources: list[dict[str, Any]]) -> Lake:
    (folder / "export").mkdir()
    lines = "".join(json.dumps(resource) + "\n" for resource in resources)
    (folder / "export" / "all.ndjson").write_text(lines)
    return filled(folder / "export", folder / "lake")


def filled(export: Path, folder: Path) -> Lake:
    lake = Lake(str(folder))
    ingest.run(str(export), lake, max_rejected=1.0)
    make(lake, ())
    return lake


def document(identity: str, patient: str) -> dict[str, Any]:
    data = base64.b64encode(b"No asthma.").decode()
    made: dict[str, Any] = {"resourceType": "DocumentReference", "id": identity, "status": "current"}
    made["content"] = [{"attachment": {"contentType": "text/plain", "data": data}}]
    return made | ({"subject": {"reference": f"Patient/{patient}"}} if patient else {})


def condition(identity: str, patient: str) -> dict[str, Any]:
    code = {"coding": [{"system": SNOMED, "code": "195967001", "display": "Asthma (disorder)"}]}
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": "Condition", "id": identity, "code": code, "subject": subject}


def test_each_patient_comes_once_with_notes_and_codes(tmp_path: Path) -> None:
    patients = [{"resourceType": "Patient", "id": name} for name in "abcd"]
    resources = [document("1", "b"), document("2", "d"), document("3", "b"), document("4", "")]
    resources += [condition("1", "a"), condition("2", "b"), condition("3", "c")]
    lake = lake_of(tmp_path, [*patients, *resources])
    found = list(patient_records(lake, lambda note: []))
    shown = [(one.patient, len(one.notes), [coded.resource for coded in one.coded]) for one in found]
    assert shown == [
        ("", 1, []),
        ("a", 0, ["Condition/1"]),
        ("b", 2, ["Condition/2"]),
        ("c", 0, ["Condition/3"]),
        ("d", 1, []),
    ]
    assert all(note.patient == one.patient for one in found for note, _ in one.notes)


def test_the_graph_of_real_resources(tmp_path: Path) -> None:
    root = os.environ.get("BRUME_DATA") or Path(__file__).parents[4] / "shared" / "data"
    data = Path(root) / "records" / "fhir-10-patients"
    if not data.is_dir():
        pytest.skip(f"no real resources: {data} is not there (BRUME_DATA)")
    lake = filled(data, tmp_path / "lake")
    written = write(tmp_path / "graph", patient_records(lake, lambda note: []))
    assert written.patients >= 10
    assert written.quads > 10_000
    edges = {
        edge
        for record in patient_records(lake, lambda note: [])
        for edge in patient_quads(record.patient, [], record.coded)[1]
    }
    named = {name: {edge.concept.display for edge in edges if edge.name == name} for name in EDGES}
    assert all(named.values())
    # Situations of life are coded as Conditions too.
    assert any("employment" in display for display in named["hasFinding"])
    assert not any("employment" in display for display in named["hasCondition"])
