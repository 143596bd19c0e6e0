"""What the web page shows, as operations: search with concepts, facets and reasons, notes, verdicts."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.components.records.kendra import found
from tests.components.records.pages import ASTHMA, EVIL, NOTES, Pages

PRESSURE = "http://snomed.info/sct|59621000"


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["NoteId"] for one in answer["Notes"]]


def test_lay_words_find_notes_with_the_way_to_them(records_console: Pages) -> None:
    answer = records_console.console.search_notes(QueryText="high blood pressure")
    assert answer["IndexId"] == records_console.index and answer["Total"] == len(ids(answer)) == 4
    (concept,) = answer["Concepts"]
    assert (concept["ConceptId"], concept["Display"]) == (PRESSURE, "Essential hypertension")
    first = next(one for one in answer["Notes"] if one["NoteId"] == "pressure")
    assert first["Patient"] == "p-1" and first["Date"] == "2020-05-17" and first["Author"] == "Dr. Okwuosa"
    (reason,) = first["Reasons"]
    text = NOTES["pressure"][3]
    assert text[reason["Begin"] : reason["End"]] == reason["Mention"] == "Essential hypertension"
    excerpt = first["Excerpt"]
    assert text[excerpt["Begin"] :].startswith(excerpt["Text"])
    marked = [excerpt["Text"][mark["Begin"] : mark["End"]] for mark in excerpt["Highlights"]]
    assert "Essential hypertension" in " ".join(marked)
    # A mention that is denied, or another person's, comes after those that are stated of the patient.
    assert set(ids(answer)[:2]) == {"pressure", "evil"} and set(ids(answer)[2:]) == {"none", "family"}
    traits = {one["NoteId"]: one["Reasons"][0]["Traits"] for one in answer["Notes"]}
    assert "NEGATION" in traits["none"] and "PERTAINS_TO_FAMILY" in traits["family"]


def test_a_concept_is_taken_out_or_looked_for_by_itself(records_console: Pages) -> None:
    console = records_console.console
    answer = console.search_notes(QueryText="high blood pressure", Without=[PRESSURE, "http://none|1"])
    assert answer["Concepts"] == []
    assert answer["Removed"] == [{"ConceptId": PRESSURE, "Display": "Essential hypertension"}]
    named = console.search_notes(ConceptIds=[PRESSURE])
    assert set(ids(named)) == {"pressure", "none", "family", "evil"}
    assert all(one["Reasons"] and one["Excerpt"]["Highlights"] for one in named["Notes"])
    assert console.search_notes(ConceptIds=["http://none|1"])["Total"] == 0


def test_facets_count_what_another_choice_would_give(records_console: Pages) -> None:
    console = records_console.console
    every = console.search_notes(PageSize=100)
    assert every["Total"] == len(NOTES) + ASTHMA and len(ids(every)) == every["Total"]
    facets = {one["Name"]: one for one in every["Facets"]}
    assert list(facets)[:2] == ["_created_at", "kind"] and facets["_created_at"]["Type"] == "DATE"
    years = {one["Value"]: one["Count"] for one in facets["_created_at"]["Values"]}
    assert years["2022"] == 2 and list(years) == sorted(years, reverse=True)
    chosen = [{"Name": "kind", "Values": ["Progress note", "Discharge summary"]}]
    some = console.search_notes(Filters=chosen, PageSize=100)
    kinds = {one["Kind"] for one in some["Notes"]}
    assert kinds == {"Progress note", "Discharge summary"}
    again = {one["Name"]: one for one in some["Facets"]}
    assert again["kind"] == facets["kind"] and again["author"]["Values"][0]["Count"] == some["Total"]
    dated = [{"Name": "_created_at", "From": "2019-05-17", "To": "2019-05-17"}]
    assert set(ids(console.search_notes(Filters=dated))) == {"dialysis", "asthma-9"}
    for wrong in ({"Name": "ward", "Values": ["a"]}, {"Name": "_created_at", "From": "2019-13-01"}):
        with pytest.raises(ClientError, match=r"ward|Filters: From is a day"):
            console.search_notes(Filters=[wrong])


def test_pages_follow_each_other_and_words_are_corrected(records_console: Pages) -> None:
    console = records_console.console
    seen: list[str] = []
    for page in range(1, 4):
        answer = console.search_notes(QueryText="asthma", PageNumber=page, PageSize=5)
        seen += ids(answer)
    assert len(seen) == len(set(seen)) == answer["Total"] == ASTHMA
    assert console.search_notes(QueryText="astma")["Corrected"] == "asthma"
    assert "Corrected" not in console.search_notes(QueryText="asthma")


def test_a_note_has_its_text_and_what_was_found(records_console: Pages) -> None:
    answer = records_console.console.get_note(NoteId="pressure")
    text = answer["Text"]
    assert text == NOTES["pressure"][3] and answer["Title"] == "Progress note of 2020"
    for entity in answer["Entities"]:
        assert text[entity["Begin"] : entity["End"]] == entity["Text"] and entity["Verdict"] == "NONE"
    assert answer["Entities"][0]["Concepts"][0]["ConceptId"] == PRESSURE
    with pytest.raises(ClientError, match="There is no document"):
        records_console.console.get_note(NoteId="nothing")
    with pytest.raises(ClientError, match="There is no index"):
        records_console.console.get_note(NoteId="pressure", IndexId="0" * 36)


def test_verdicts_move_notes_for_queries_and_concepts(records_console: Pages) -> None:
    console, kendra, index = records_console.console, records_console.kendra, records_console.index
    before = found(kendra, index, "high blood pressure")
    (entity,) = console.get_note(NoteId="evil")["Entities"]
    mention = {"NoteId": "evil", "ConceptId": PRESSURE, "Begin": entity["Begin"], "End": entity["End"]}
    order = sorted(["pressure", "evil"], key=before.index)
    worse, better = ("REJECTED", "NONE") if order[0] == "evil" else ("ACCEPTED", "NONE")
    assert console.judge_entity(**mention, Verdict=worse)["Verdict"] == worse
    kept = console.get_note(NoteId="evil")["Entities"][0]
    assert kept["Verdict"] == worse and kept["Accepted"] + kept["Rejected"] == 1
    # Kendra's Query and Retrieve have the same ranker.
    assert found(kendra, index, "high blood pressure").index("evil") != before.index("evil")
    assert console.judge_entity(**mention, Verdict=better)["Verdict"] == better
    assert found(kendra, index, "high blood pressure") == before
    with pytest.raises(ClientError, match="no mention"):
        console.judge_entity(**{**mention, "Begin": entity["Begin"] + 1}, Verdict="ACCEPTED")
    last = before[-1]
    answer = console.search_notes(QueryText="hypertension relevance")
    console.judge_note(QueryId=answer["QueryId"], NoteId=last, Relevance="RELEVANT")
    judged = console.search_notes(QueryText="hypertension  Relevance")
    assert next(one for one in judged["Notes"] if one["NoteId"] == last)["Judged"] == "RELEVANT"
    assert all("Judged" not in one for one in console.search_notes(QueryText="tension")["Notes"])
    assert EVIL in console.get_note(NoteId="evil")["Text"]


def test_the_page_begins_with_who_it_is_for(records_console: Pages) -> None:
    answer = records_console.console.get_console()
    assert (answer["Role"], answer["Administers"]) == ("full", True)
    (index,) = answer["Indexes"]
    assert index == {
        "IndexId": records_console.index,
        "Name": "notes",
        "Status": "ACTIVE",
        "Notes": len(NOTES) + ASTHMA,
    }


def test_without_a_lake_the_operation_says_how_to_name_one(records_console: Pages) -> None:
    with pytest.raises(ClientError, match="BRUME_RECORDS_LAKE"):
        records_console.console.get_data_quality()
