"""Texts without what names a person: planted data gone, surrogates that stay, dates and offsets that hold."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.records.engine.kendra.deidentified import DeidentifiedDocuments
from brume.records.engine.kendra.patient_names import PatientNames
from brume.records.model import surrogate_dates
from brume.records.model.deidentify import Deidentifier, Mode
from brume.records.model.entity import Entity
from brume.records.model.lake import Lake
from brume.records.model.nlp import phi
from brume.records.model.nlp.phi import Personal
from brume.records.model.notes.hiding import key_of
from brume.records.model.notes.making import make
from brume.records.model.notes.stored import read_notes
from brume.records.model.search.document import Document
from tests.components.records.conftest import Export

KEY = b"k" * 32
NOTE = (
    "Maria Lopez is a 93 year old woman, MRN 12345678, seen on 2024-03-05 for asthma; last on 1/28/2024. "
    "Phone 555-123-4567, maria@mail.example. Signed by Dr. Amara Thornquist"
)


def deidentifier_of(mode: Mode = Mode.SURROGATE, key: bytes = KEY) -> Deidentifier:
    return Deidentifier(key, phi.find, mode)


@pytest.mark.parametrize("mode", list(Mode))
def test_no_planted_personal_data_is_left(export: Export, mode: Mode) -> None:
    deidentifier = deidentifier_of(mode)
    left = []
    for note in export.truth.notes:
        text = deidentifier.text(note.text, note.patient).text
        left += [
            fact.text
            for fact in note.facts
            if fact.kind == "personal" and fact.planted != "AGE" and fact.text in text
        ]
    assert left == []


def test_masks_name_the_type() -> None:
    text = deidentifier_of(Mode.MASK).text(NOTE, "p1").text
    assert text.startswith(
        "[NAME] is a [AGE] year old woman, MRN [ID], seen on [DATE] for asthma; last on [DATE]."
    )


def test_surrogates_are_of_the_same_form_and_the_same_in_every_note() -> None:
    text = deidentifier_of().text(NOTE, "p1").text
    assert "90 year old" in text
    assert "for asthma" in text
    assert not any(
        part in text for part in ("Maria", "Lopez", "12345678", "555-123", "2024-03-05", "Thornquist")
    )
    name = text.split(" is a ")[0]
    again = deidentifier_of().text("Mother of Maria Lopez called; MRN 12345678.", "p2").text
    assert name in again
    assert text.split("MRN ")[1][:8] in again
    assert deidentifier_of(key=b"other" * 8).text(NOTE, "p1").text.split(" is a ")[0] != name


def test_the_time_between_two_dates_of_a_patient_stays() -> None:
    text = deidentifier_of().text(NOTE, "p1").text
    seen = date.fromisoformat(text.split("seen on ")[1][:10])
    month, day, year = text.split("last on ")[1].split(".")[0].split("/")
    assert seen - date(int(year), int(month), int(day)) == date(2024, 3, 5) - date(2024, 1, 28)
    days = deidentifier_of().days("p1")
    assert seen == date(2024, 3, 5) + timedelta(days=days)
    assert deidentifier_of().date(datetime(2024, 3, 5, tzinfo=UTC), "p1").date() == seen
    assert -364 <= days <= -1
    assert len({deidentifier_of().days(f"p{number}") for number in range(40)}) > 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01", "2024-02-28"),
        ("2024-03-01T10:30:00Z", "2024-02-28T10:30:00Z"),
        ("3/1/2024", "2/28/2024"),
        ("03/01/24", "02/28/24"),
        ("13.03.2024", "11.03.2024"),
        ("3/1", "2/27"),
        ("March 3rd, 2024", "March 1st, 2024"),
        ("Mar 3, 2024", "Mar 1, 2024"),
        ("1 January 2024", "30 December 2023"),
        ("2nd of JAN 2024", "31st of DEC 2023"),
        ("January 2024", "January 2024"),
        ("1999", "1999"),
        ("2024-01", "2024-01"),
        ("31/31/2024", ""),
        ("0001-01-01", ""),
        ("spring", ""),
    ],
)
def test_dates_keep_their_form(text: str, expected: str) -> None:
    assert surrogate_dates.moved(text, -2) == expected


@given(st.dates(date(1901, 1, 1), date(2090, 1, 1)), st.integers(-364, -1))
def test_a_date_moves_by_exactly_these_days(day: date, days: int) -> None:
    expected = day + timedelta(days=days)
    assert surrogate_dates.moved(day.isoformat(), days) == expected.isoformat()
    assert surrogate_dates.moved(f"{day:%B} {day.day}, {day.year}", days) == (
        f"{expected:%B} {expected.day}, {expected.year}"
    )


WORDS = st.lists(
    st.sampled_from(["asthma", "Anna", "2024-01-01", "é", "MRN 1234567", "\n", "x"]), max_size=12
)


@given(WORDS, st.sampled_from(list(Mode)))
def test_offsets_are_those_of_the_new_text(words: list[str], mode: Mode) -> None:
    text = " ".join(words)

    def find(text: str, _names: object) -> list[Personal]:
        return [one for one in phi.find(text, ["Anna"]) if one.begin < one.end]

    result = Deidentifier(KEY, find, mode).text(text, "p1")
    replaced = [(one.begin, one.end) for one in find(text, ())]
    assert [(edit.begin, edit.end) for edit in result.edits] == replaced
    for begin in range(len(text)):
        for end in range(begin + 1, len(text) + 1):
            place = result.place(begin, end)
            if any(begin < last and first < end for first, last in replaced):
                assert place is None
            else:
                assert place is not None
                assert result.text[place[0] : place[1]] == text[begin:end]


def test_entities_move_with_the_text_and_personal_ones_go() -> None:
    begin = NOTE.index("asthma")
    asthma = Entity(begin, begin + 6, "asthma", "MEDICAL_CONDITION", "DX_NAME", 0.9)
    name = Entity(0, 11, "Maria Lopez", "PROTECTED_HEALTH_INFORMATION", "NAME", 0.9)
    result = deidentifier_of().text(NOTE, "p1")
    (kept,) = result.entities([name, asthma])
    assert result.text[kept.begin : kept.end] == "asthma"
    assert kept.begin != begin


def test_pseudonyms_are_made_with_the_key() -> None:
    one, other = deidentifier_of(), deidentifier_of(key=b"o" * 32)
    assert one.pseudonym("patient", "p1") == deidentifier_of().pseudonym("patient", "p1")
    assert (
        len(
            {
                one.pseudonym("patient", "p1"),
                one.pseudonym("document", "p1"),
                other.pseudonym("patient", "p1"),
            }
        )
        == 3
    )
    assert one.pseudonym("patient", "") == ""


def test_notes_of_a_lake_are_made_without_personal_data(export: Export, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    shutil.copytree(export.lake.uri, lake.uri)
    before = {note.id: note for note in read_notes(lake)}
    key = key_of(lake)
    assert key_of(lake) == key and len(key) == 32
    make(lake, deidentifier=Deidentifier(key, phi.find))
    after = {note.id: note for note in read_notes(lake)}
    assert after.keys() == before.keys()
    texts = {one.id: f"{one.text} {one.title} {one.author}" for one in after.values()}
    planted = [(note.id, fact) for note in export.truth.notes for fact in note.facts]
    personal = [(note, fact) for note, fact in planted if fact.kind == "personal" and fact.planted != "AGE"]
    assert personal and [fact.text for note, fact in personal if fact.text in texts.get(note, "")] == []
    days = Deidentifier(key, phi.find).days
    dated = [identity for identity, note in before.items() if len(note.date) >= 10]
    assert dated
    for identity in dated:
        earlier, patient = before[identity].date[:10], before[identity].patient
        moved = date.fromisoformat(after[identity].date[:10]) - date.fromisoformat(earlier)
        assert moved.days == days(patient)
    kept = [(note, fact) for note, fact in planted if fact.planted == "plain"]
    assert sum(fact.text in texts.get(note, "") for note, fact in kept) > 0.95 * len(kept)


def test_names_that_the_lake_states_are_found_where_rules_find_none(export: Export) -> None:
    names = PatientNames(export.lake.uri)
    hiding = DeidentifiedDocuments(deidentifier_of(), names)
    facts = [(note.patient, fact) for note in export.truth.notes for fact in note.facts]
    people = {
        patient: fact.text for patient, fact in facts if fact.planted == "NAME" and "Dr." not in fact.text
    }
    assert len(people) > 10

    def left() -> list[str]:
        found = []
        for patient, name in people.items():
            given, family = name.split()[0], name.split()[-1]
            text = f"spoke with {family.lower()} , {given.lower()} about asthma; dr whitlock saw them"
            given_document = Document("d", text, family, {"author": "Whitlock"}, patient=patient)
            made = hiding.document(given_document)
            assert "asthma" in made.text
            assert "author" not in made.attributes
            words = [*made.text.lower().split(), *made.title.lower().split()]
            found += [part for part in (given, family, "Whitlock") if part.lower() in words]
        return found

    assert left()
    names.refresh()
    assert left() == []


def test_numbers_in_attributes_and_an_id_as_title_are_not_shown() -> None:
    hiding = DeidentifiedDocuments(deidentifier_of(), PatientNames(""))
    numbers = {"mrn": "12345678", "encounter": "5b1c0de2-8c5d-4f0e-9f43-1d2c3b4a5968", "mail": "a@b.example"}
    seen = datetime(2024, 3, 5, tzinfo=UTC)
    others = {"kind": "Progress note", "seen": seen, "pages": 12, "chart": 7654321, "ids": ("87654321", "a")}
    made = hiding.document(Document("Doc/77", "asthma", "Doc/77", {**numbers, **others}, patient="p1"))
    assert (made.title, made.attributes["kind"], made.attributes["pages"]) == ("", "Progress note", 12)
    assert made.attributes["seen"] == deidentifier_of().date(seen, "p1")
    assert not [value for value in (*numbers.values(), "Doc/77", "p1", "7654321") if value in str(made)]
    assert hiding.original(made.id) == "Doc/77"
