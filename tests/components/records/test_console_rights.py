"""What a page shows for a key that sees some patients alone, and what is kept of it."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from brume.aws.engine import catalog
from brume.records.pipeline.command import records
from tests.aws.serving import KEY, client_of
from tests.components.conftest import Tab
from tests.components.records.pages import ASTHMA, NOTES, STUDY, WARD, Pages, serve_pages

PRESSURE = "http://snomed.info/sct|59621000"
MINE = {"pressure", *(f"asthma-{number}" for number in range(ASTHMA))}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("limited")
    rights = {
        KEY.access_key: {},
        WARD.access_key: {"role": "clinician", "patients": ["p-1", "p-9"], "emergency": True},
        STUDY.access_key: {"role": "researcher", "patients": ["p-1"]},
    }
    (folder / "rights.json").write_text(json.dumps(rights))
    with serve_pages(folder, access=str(folder / "rights.json")) as pages:
        yield pages


@pytest.fixture(scope="module")
def ward(limited: Pages) -> Any:
    return client_of(limited.url, "brumerecords", key=WARD)


def test_no_operation_shows_a_note_of_another_patient(ward: Any) -> None:
    texts = ["", "high blood pressure", "dialysis", "asthma", "image", *(note[3] for note in NOTES.values())]
    answers = [ward.search_notes(QueryText=text, PageSize=100) for text in texts]
    answers.append(ward.search_notes(ConceptIds=[PRESSURE], PageSize=100))
    answers.append(
        ward.search_notes(QueryText="kidney", Without=[PRESSURE, "http://snomed.info/sct|265764009"])
    )
    for answer in answers:
        assert {one["NoteId"] for one in answer["Notes"]} <= MINE and answer["Total"] <= len(MINE)
        for facet in answer["Facets"]:
            assert sum(one["Count"] for one in facet["Values"]) <= answer["Total"]
            if facet["Name"] == "patient":
                assert {one["Value"] for one in facet["Values"]} <= {"p-1", "p-9"}
        concepts = [one["ConceptId"] for name in ("Concepts", "Removed") for one in answer.get(name, [])]
        assert "http://snomed.info/sct|265764009" not in concepts  # no note of theirs has dialysis
    for identity in NOTES.keys() - MINE:
        mention = {"NoteId": identity, "ConceptId": PRESSURE, "Begin": 0, "End": 1, "Verdict": "ACCEPTED"}
        for ask in (
            lambda identity=identity: ward.get_note(NoteId=identity),
            lambda mention=mention: ward.judge_entity(**mention),
            lambda identity=identity: ward.judge_note(
                NoteId=identity, QueryId=answers[0]["QueryId"], Relevance="RELEVANT"
            ),
        ):
            with pytest.raises(ClientError, match="There is no document"):
                ask()
    (index,) = ward.get_console()["Indexes"]
    assert index["Notes"] == len(MINE)


def test_a_researcher_reads_notes_without_ids_dates_and_authors(limited: Pages) -> None:
    study = client_of(limited.url, "brumerecords", key=STUDY)
    answer = study.search_notes(QueryText="high blood pressure")
    (note,) = answer["Notes"]
    read = study.get_note(NoteId=note["NoteId"])
    assert PRESSURE in {one["ConceptId"] for entity in read["Entities"] for one in entity["Concepts"]}
    for entity in read["Entities"]:
        assert read["Text"][entity["Begin"] : entity["End"]] == entity["Text"]
    shown = json.dumps([answer["Notes"], answer["Facets"], read], default=str)
    # A year may be what it was: dates move by less than one.
    assert not any(word in shown for word in ('"pressure"', '"p-1"', "2020-05-17", "Okwuosa"))
    with pytest.raises(ClientError, match="There is no document pressure"):
        study.get_note(NoteId="pressure")
    with pytest.raises(ClientError, match="judges none"):
        study.judge_note(NoteId=note["NoteId"], QueryId=answer["QueryId"], Relevance="RELEVANT")
    with sqlite3.connect(limited.data / "state.db") as db:
        answered = "select documents from audit where key = 'AKIDSTUDY' and outcome = 'ANSWERED'"
        last = db.execute(f"{answered} order by number desc limit 1")
        assert last.fetchall() == [('["pressure"]',)]


def test_what_was_read_is_in_the_audit_without_words(limited: Pages, ward: Any) -> None:
    ward.search_notes(QueryText="asthma in sentinelwords", PageSize=2)
    ward.get_note(NoteId="pressure")
    with sqlite3.connect(limited.data / "state.db") as db:
        names = "key, role, operation, documents, query"
        rows = list(db.execute(f"select {names} from audit order by number desc limit 2"))
        dump = "\n".join(db.iterdump())
    read, searched = rows
    assert read[:4] == ("AKIDWARD", "clinician", "brumerecords:GetNote", '["pressure"]')
    assert searched[2] == "brumerecords:SearchNotes" and len(json.loads(searched[3])) == 2 and searched[4]
    assert "sentinelwords" not in dump


def test_jobs_and_data_quality_are_for_those_who_administer(limited: Pages, ward: Any) -> None:
    for ask in (ward.list_jobs, ward.get_data_quality):
        with pytest.raises(ClientError, match="has the role clinician"):
            ask()
    (index,) = limited.console.list_jobs()["Indexes"]
    assert (index["Notes"], index["Waiting"], index["Failed"]) == (len(NOTES) + ASTHMA, 0, 0)


def test_an_emergency_access_opens_all_records_and_ends(ward: Any, limited: Pages) -> None:
    with pytest.raises(ClientError, match="10 characters"):
        ward.begin_emergency_access(Reason="hurry")
    with pytest.raises(ClientError, match="may not open an emergency access"):
        limited.console.begin_emergency_access(Reason="no key with this right")
    opened = ward.begin_emergency_access(Reason="unconscious, allergies unknown", Minutes=5)
    about = ward.get_console()
    assert about["Emergency"] == opened["EmergencyId"] and about["EmergencyEnds"] == opened["Ends"]
    assert ward.get_note(NoteId="dialysis")["Text"] == NOTES["dialysis"][3]
    ward.end_emergency_access()
    with pytest.raises(ClientError, match="There is no document"):
        ward.get_note(NoteId="dialysis")


def test_the_command_prints_an_address_for_a_key(limited: Pages, tmp_path: Path) -> None:
    with (limited.data / catalog.LOCK).open("a") as lock:  # as the program that runs an engine does
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["--console", "--data", str(limited.data), "--key", WARD.access_key]
        printed = CliRunner().invoke(records, words)
    assert printed.output.strip() == limited.address(key=WARD.access_key)
    refused = CliRunner().invoke(records, ["--console", "--data", str(tmp_path)])
    assert refused.exit_code and "no records engine runs on" in refused.output


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_acts_for_the_key_of_its_address(limited: Pages, browse: Callable[..., Tab]) -> None:
    tab = browse(limited.address(key=WARD.access_key))
    tab.until(f"document.body.innerText.includes('There are {len(MINE)} notes')")
    tab.go("#/notes/dialysis")
    assert "There is no document dialysis" in tab.text()
    tab.go("#/notes/pressure")
    assert "Essential hypertension" in tab.text()
    assert tab.value("document.querySelector('[data-administers]').hidden")
    tab.click("#open-emergency")
    tab.until("document.activeElement.tagName === 'TEXTAREA'")
    tab.send("Input.insertText", text="unconscious, allergies unknown")
    tab.click("#dialog .primary")
    tab.until("document.getElementById('banner').innerText.includes('all records are shown')")
    tab.go("#/notes/dialysis")
    tab.until("document.body.innerText.includes('Renal dialysis three times a week')")
    tab.click("#end-emergency")
    tab.until("document.body.innerText.includes('There is no document dialysis')")
