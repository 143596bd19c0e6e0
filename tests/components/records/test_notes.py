"""Notes of resources: every attachment, its text to the character, and what is known of it."""

from __future__ import annotations

import base64
from pathlib import Path

from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.notes.making import make
from brume.records.model.notes.stored import read_notes
from tests.components.records.conftest import Export
from tests.components.records.exports import attached, document, notes, patient, write


def test_every_note_of_an_export_is_there_with_its_text(export: Export) -> None:
    found = notes(export.lake)
    assert found.keys() == {note.id for note in export.truth.notes}
    for note in export.truth.notes:
        row = found[note.id]
        assert row["patient"] == note.patient, note.carrier
        if note.exact:
            assert row["text"] == note.text, note.carrier
            assert all(row["text"][fact.begin : fact.end] == fact.text for fact in note.facts)
        else:
            assert row["text"].split() == note.text.split(), note.carrier
    assert {note.carrier for note in export.truth.notes} == {
        *("plain", "latin", "wrapped", "page", "rich", "two", "binary", "contained", "file"),
        *("person_by_record", "report"),
    }


def test_notes_are_read_back_in_their_order(export: Export) -> None:
    read = list(read_notes(export.lake))
    assert [note.id for note in read] == sorted(note.id for note in export.truth.notes)
    rows = notes(export.lake)
    assert all(vars(note).items() <= rows[note.id].items() for note in read)


def test_attachments_without_a_note_are_named(export: Export) -> None:
    listed = {row["id"]: row for row in export.lake.table("note_rejects").to_pylist()}
    assert listed.keys() == set(export.truth.note_rejects)
    reasons = " ".join(row["reason"] for row in listed.values())
    assert all(words in reasons for words in ("application/pdf", "base64", "url", "neither data nor a url"))
    assert all(row["remedy"] and row["file"] and row["line"] for row in listed.values())


def test_what_is_known_of_a_note(tmp_path: Path, lake: Lake) -> None:
    author = {"resourceType": "Practitioner", "id": "x", "name": [{"given": ["Ana", "B"], "family": "Cruz"}]}
    visit = document(
        "d",
        meta={"versionId": "7"},
        status="superseded",
        type={"text": "Progress note"},
        description="Visit",
        date="2024-05-01T10:00:00Z",
        author=[{"reference": "Practitioner/x"}],
        context={"encounter": [{"reference": "Encounter/e"}]},
    )
    form = {"contentType": "text/plain", "title": "CT", "data": base64.b64encode(b"Clear.").decode()}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"coding": [{"display": "Imaging"}]},
        "subject": {"reference": "https://ehr.example/fhir/Patient/p/_history/3"},
        "effectivePeriod": {"start": "2024-06"},
        "encounter": {"reference": "Encounter/f"},
        "performer": [{"display": "Dr. Wu"}],
        "presentedForm": [form],
    }
    source = write(tmp_path / "export", {"all.ndjson": [author, visit, report, patient()]})
    ingest.run(source, lake, processes=1)
    assert make(lake).patients == 1
    found = notes(lake)
    wanted = ("patient", "title", "kind", "date", "status", "author", "encounter")
    assert [found["DocumentReference/d/0"][name] for name in wanted] == [
        *("p", "Visit", "Progress note", "2024-05-01T10:00:00Z", "superseded", "Ana B Cruz", "e"),
    ]
    assert found["DocumentReference/d/0"]["version"] == "7"
    assert [found["DiagnosticReport/r/0"][name] for name in wanted] == [
        *("p", "CT", "Imaging", "2024-06", "final", "Dr. Wu", "f"),
    ]
    assert len(found["DiagnosticReport/r/0"]["version"]) == 16  # a digest


def test_only_notes_of_some_statuses(tmp_path: Path, lake: Lake) -> None:
    documents = [document(status, status=status) for status in ("current", "superseded", "entered-in-error")]
    ingest.run(write(tmp_path / "export", {"x.ndjson": documents}), lake, processes=1)
    assert make(lake).notes == 3
    assert make(lake, ["current", "superseded"]).notes == 2
    assert {row["status"] for row in notes(lake).values()} == {"current", "superseded"}


def test_a_note_whose_patient_is_not_known_is_kept_and_named(tmp_path: Path, lake: Lake) -> None:
    unknown = document("d", subject={"reference": "Patient?identifier=s|1"})
    group = document("g", subject={"reference": "Group/x"})
    ingest.run(write(tmp_path / "export", {"x.ndjson": [unknown, group]}), lake, processes=1)
    make(lake)
    assert {row["patient"] for row in notes(lake).values()} == {""}
    assert all("no patient" in row["reason"] for row in lake.table("note_rejects").to_pylist())


def test_a_deleted_binary_or_one_of_another_type_makes_no_note(tmp_path: Path, lake: Lake) -> None:
    good = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "YQ=="}
    lines = [good, attached("d", {"url": "Binary/b"}), attached("e", {"url": "Patient/b"}), patient("b")]
    ingest.run(write(tmp_path / "export", {"x.ndjson": lines}), lake, processes=1)
    make(lake)
    assert {name: row["text"] for name, row in notes(lake).items()} == {"DocumentReference/d/0": "a"}
    write(tmp_path / "export", {"x.ndjson": lines[1:]})
    ingest.run(str(tmp_path / "export"), lake, processes=1)
    make(lake)
    assert notes(lake) == {}


def test_resources_of_any_form_make_no_error(tmp_path: Path, lake: Lake) -> None:
    strange = [
        document("a", content="x"),
        document("b", content=[None, 7, {"attachment": "x"}, {}]),
        document("c", subject=[{"reference": "Patient/p"}], author="x", type=[], context=7, date=9),
        document("d", contained="x", content=[{"attachment": {"url": "#x"}}]),
        attached("e", {"url": 7}, {"data": 7}, {"data": "YQ==", "contentType": 7, "title": 7}),
    ]
    ingest.run(write(tmp_path / "export", {"x.ndjson": strange}), lake, processes=1)
    make(lake)
    assert notes(lake).keys() == {"DocumentReference/c/0", "DocumentReference/e/2"}
    assert lake.table("note_rejects").num_rows == 8
