"""Timelines, graphs, cohorts and the audit, as operations, for each role."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.aws.wire.keys import Key
from brume.records.model.overview.tables import Code
from tests.aws.serving import KEY, OTHER, client_of, serve_engine
from tests.components.records.kendra import plain_engine
from tests.components.records.lake_engine import NOBODY, OFFICE, READERS, STUDY, WARD, Served, serve_lake
from tests.components.records.overviews import ASTHMA, DIABETES, METFORMIN, PATIENTS, RARE, name

NOTE = "DocumentReference/n/0"


def concept(code: Code) -> str:
    return "|".join(code)


def having(*codes: Code, **more: Any) -> list[dict[str, Any]]:
    return [{"ConceptIds": [concept(code) for code in codes], **more}]


def refusal(asked: Any, **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        asked(**members)
    about = error.value.response
    return about["ResponseMetadata"]["HTTPStatusCode"], about["Error"]["Message"]


def test_patients_are_listed_in_pages(records_lake: Served) -> None:
    pages = records_lake.client().get_paginator("list_patients").paginate(PaginationConfig={"PageSize": 25})
    found = [[one["PatientId"] for one in page["Patients"]] for page in pages]
    assert [len(page) for page in found] == [25, 25, 10] and sum(found, []) == [  # noqa: RUF017
        name(number) for number in range(PATIENTS)
    ]
    (first,) = records_lake.client().list_patients(Text="planted00")["Patients"]
    assert first == {
        "PatientId": "p00",
        "Name": "Ann Planted00",
        "Sex": "male",
        "Born": "2006-03-01",
        "Notes": 1,
        "LastNote": "2022-07-08",
    }


def test_a_timeline_has_pages_and_counts(records_lake: Served) -> None:
    pages = (
        records_lake.client()
        .get_paginator("get_timeline")
        .paginate(PatientId="p00", PaginationConfig={"PageSize": 2})
    )
    events = [event for page in pages for event in page["Events"]]
    assert [one["Kind"] for one in events] == ["note", "medication", "condition", "condition", "encounter"]
    assert events[0]["Reference"] == NOTE and events[1]["ConceptId"] == concept(METFORMIN)
    limits = {"Kinds": ["condition"], "Since": "2020", "Until": "2020-05"}
    some = records_lake.client().get_timeline(PatientId="p00", **limits)
    assert len(some["Events"]) == 2 and sum(one["Events"] for one in some["Counts"]) == 2


@pytest.mark.parametrize(
    ("operation", "members", "hidden"),
    [
        ("get_timeline", {"PatientId": "p02"}, ["Patient/p02"]),
        ("get_timeline", {"PatientId": "nobody"}, []),
        ("get_graph", {"Kind": "PATIENT", "Id": "p02"}, ["Patient/p02"]),
        ("get_graph", {"Kind": "NOTE", "Id": "DocumentReference/orphan/0"}, ["DocumentReference/orphan/0"]),
        ("get_graph", {"Kind": "CONCEPT", "Id": "x|y"}, []),
    ],
)
def test_what_is_not_the_callers_is_not_there(
    records_lake: Served, operation: str, members: dict[str, str], hidden: list[str]
) -> None:
    status, message = refusal(getattr(records_lake.client(WARD), operation), **members)
    assert status == 404 and "may not see" in message
    (event,) = records_lake.client(OFFICE).list_audit_events(MaxResults=1)["Events"]
    assert (event["AccessKey"], event["Outcome"]) == (WARD.access_key, "DENIED")
    assert event["Documents"] == hidden, "what is there and hidden, for those who read the audit"


def test_a_clinician_sees_their_patients_alone(records_lake: Served) -> None:
    ward = records_lake.client(WARD)
    assert [one["PatientId"] for one in ward.list_patients()["Patients"]] == ["p00", "p01"]
    assert ward.get_graph(Kind="NOTE", Id=NOTE)["Nodes"][0]["Label"] == "Letter"
    around = ward.get_graph(Kind="CONCEPT", Id=concept(DIABETES))
    assert {one["Id"] for one in around["Nodes"] if one["Kind"] == "PATIENT"} == {"p00", "p01"}
    exported = ward.export_cohort(Include=having(DIABETES))
    lines = exported["Csv"].splitlines()
    assert exported["Patients"] == 2 and lines[1] == "p00,Ann Planted00,male,2006-03-01,"
    pairs = ward.list_concept_pairs()
    assert pairs["Pairs"] == [] and "Patients" not in pairs
    assert ward.find_concepts(Text="asthma")["Concepts"] == [], "none of them has it"


def test_a_researcher_sees_nobodys_name_id_or_day(records_lake: Served) -> None:
    study, full = records_lake.client(STUDY), records_lake.client()
    listed = [page["Patients"] for page in study.get_paginator("list_patients").paginate(MaxResults=25)]
    patients = [one for page in listed for one in page]
    ids = [one["PatientId"] for one in patients]
    assert len(set(ids)) == PATIENTS and ids == sorted(ids)
    assert all("Name" not in one and len(one["Born"]) == 4 for one in patients)
    for text in ("planted", "p00"):
        assert study.list_patients(Text=text)["Patients"] == []
    (mine,) = [one["PatientId"] for one in patients if one["Notes"]]
    timeline, real = study.get_timeline(PatientId=mine), full.get_timeline(PatientId="p00")
    assert [one["Kind"] for one in timeline["Events"]] == [one["Kind"] for one in real["Events"]]

    def days(events: list[dict[str, Any]]) -> list[int]:
        found = [date.fromisoformat(one["Date"][:10]) for one in events]
        return [(one - found[-1]).days for one in found]

    assert days(timeline["Events"]) == days(real["Events"]), "what lies between them stays"
    assert all(
        one["Date"] != other["Date"] for one, other in zip(timeline["Events"], real["Events"], strict=True)
    )
    years = {one["Date"][:4] for one in timeline["Events"]}
    assert {one["Year"] for one in timeline["Counts"]} == years
    last = timeline["Events"][0]["Date"][:10]
    for limits in ({"Since": last}, {"Since": last[:7]}, {"Since": last, "Until": last[:4]}):
        (note,) = study.get_timeline(PatientId=mine, **limits)["Events"]
        assert note["Title"] == "Note"
    assert study.get_timeline(PatientId=mine, Until=last[:4])["Events"] == timeline["Events"]
    graphs = [
        study.get_graph(Kind="NOTE", Id=note["Reference"]),
        study.get_graph(Kind="PATIENT", Id=mine),
        study.get_graph(Kind="CONCEPT", Id=concept(ASTHMA)),
    ]
    assert {one["Id"] for one in graphs[0]["Nodes"][:2]} == {note["Reference"], mine}
    assert not [one for one in graphs[2]["Nodes"] if one["Kind"] == "PATIENT"]
    written = json.dumps([listed, timeline, graphs], default=str)
    assert not re.search(r'Planted|Letter|DocumentReference|"p\d\d|:p\d\d|2022-07-08', written)
    for operation, members in (
        (study.get_timeline, {"PatientId": "p00"}),
        (study.get_graph, {"Kind": "PATIENT", "Id": "p00"}),
        (study.get_graph, {"Kind": "NOTE", "Id": NOTE}),
    ):
        assert refusal(operation, **members)[0] == 404
    assert refusal(study.export_cohort)[0] == 403
    assert "Until" in refusal(study.get_timeline, PatientId=mine, Until="2020-13")[1]
    seen = records_lake.client(OFFICE).list_audit_events(AccessKey=STUDY.access_key, Document="Patient/p00")
    assert seen["Events"], "the audit has the records' own ids"


@pytest.mark.parametrize("key", [OFFICE, NOBODY])
def test_who_reads_no_records_is_refused(records_lake: Served, key: Key) -> None:
    client = records_lake.client(key)
    asked: list[tuple[Any, dict[str, Any]]] = [
        (client.list_patients, {}),
        (client.get_timeline, {"PatientId": "p00"}),
        (client.get_graph, {"Kind": "PATIENT", "Id": "p00"}),
        (client.find_concepts, {"Text": "a"}),
        (client.count_cohort, {}),
        (client.export_cohort, {}),
        (client.list_concept_pairs, {}),
    ]
    for operation, members in asked:
        assert refusal(operation, **members)[0] == 403


def test_a_cohort_is_counted_by_sex_and_age(records_lake: Served) -> None:
    answer = records_lake.client(READERS[0]).count_cohort(Include=having(DIABETES, ASTHMA))
    assert answer["Patients"] == 45 and not answer["Suppressed"] and answer["Least"] == 11
    sexes = {one["Value"]: one.get("Patients") for one in answer["BySex"]}
    assert (sexes["male"], sexes["female"]) == (23, 22)
    # 20 to 39, 40 to 64: none of the others has it
    ages = {one["Value"]: one.get("Patients") for one in answer["ByAge"]}
    assert (ages["18-39"], ages["40-64"], ages["65-79"]) == (20, 25, None)


def test_small_counts_are_not_shown_and_not_given_away(records_lake: Served) -> None:
    client = records_lake.client(READERS[1])
    few = client.count_cohort(Include=having(RARE))
    assert few["Suppressed"] and few["BySex"] == few["ByAge"] == [] and "Patients" not in few
    assert client.count_cohort(Include=having(DIABETES))["Patients"] == 30
    # Thirty have diabetes, twenty-eight of them take it: the other two would be known.
    assert client.count_cohort(Include=[*having(DIABETES), *having(METFORMIN)])["Suppressed"]
    # All sixty but the five with psoriasis.
    assert client.count_cohort(Exclude=having(RARE))["Suppressed"]
    assert client.count_cohort(FromAge=21)["Suppressed"]


def test_what_was_shown_is_known_to_the_account_alone_and_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    both = [*having(DIABETES), *having(METFORMIN)]
    with serve_lake(folder) as first:
        assert first.client().count_cohort(Include=having(DIABETES))["Patients"] == 30
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRUME_RECORDS_LAKE", str(folder / "lake"))
        with serve_engine(plain_engine(folder, patch)) as url:
            assert client_of(url, "brumerecords").count_cohort(Include=both)["Suppressed"]
            stranger = client_of(url, "brumerecords", key=OTHER)
            assert stranger.count_cohort(Include=both)["Patients"] == 28
            assert stranger.count_cohort(Include=having(DIABETES))["Suppressed"], "the other way round"


def test_pairs_are_shown_where_nobody_is_given_away(records_lake: Served) -> None:
    answer = records_lake.client(READERS[2]).list_concept_pairs(Second="DRUG")
    assert answer["Patients"] == PATIENTS
    (pair,) = answer["Pairs"]
    assert (pair["First"]["Display"], pair["Second"]["Display"]) == ("asthma", "metformin")
    assert (pair["FirstPatients"], pair["SecondPatients"], pair["Patients"]) == (30, 28, 13)


def test_a_list_for_a_spreadsheet_has_no_formulas(records_lake: Served) -> None:
    from brume.records.engine.console.cohorts import _csv

    row = {"PatientId": "=1+1", "Name": 'A "B", C', "Sex": None, "Born": "-1", "Died": "@x"}
    assert _csv([row]).splitlines()[1] == '\'=1+1,"A ""B"", C",,\'-1,\'@x'


def test_concepts_are_found_by_words_and_codes(records_lake: Served) -> None:
    def names(text: str) -> list[str]:
        return [one["Display"] for one in records_lake.client().find_concepts(Text=text)["Concepts"]]

    assert names("diab") == ["diabetes", "diabetes, plain"] and names("plain diab") == ["diabetes, plain"]
    assert names("e11") == names("diab") and names("%") == names("'") == []
    assert names("lung infection") == ["pneumonia"] and names("diabetes pill")[0] == "metformin"
    (drug,) = records_lake.client().find_concepts(Text="metf")["Concepts"]
    assert (drug["ConceptId"], drug["Group"]) == (concept(METFORMIN), "DRUG")


def test_wrong_conditions_are_refused_with_the_member(records_lake: Served) -> None:
    client = records_lake.client()
    assert "FromAge 50 is over ToAge 40" in refusal(client.count_cohort, FromAge=50, ToAge=40)[1]
    assert "NextToken" in refusal(client.list_patients, NextToken="abcd")[1]
    assert "since" in refusal(client.get_timeline, PatientId="p00", Since="1' OR 1=1")[1].lower()


def test_stewards_read_and_check_the_audit(records_lake: Served) -> None:
    ward, office = records_lake.client(WARD), records_lake.client(OFFICE)
    ward.get_graph(Kind="NOTE", Id=NOTE)
    ward.get_timeline(PatientId="p01", Text="secret words")
    events = office.list_audit_events(AccessKey=WARD.access_key, MaxResults=2)
    last, before = events["Events"]
    assert last["Operation"] == "brumerecords:GetTimeline" and "Patient/p01" in last["Documents"]
    assert before["Operation"] == "brumerecords:GetGraph" and NOTE in before["Documents"]
    assert len(last["Query"]) == 64 and "secret words" not in json.dumps(events, default=str)
    found = office.list_audit_events(Document="Patient/p01")["Events"]
    assert found and all("Patient/p01" in one["Documents"] for one in found)
    pages = office.get_paginator("list_audit_events").paginate(PaginationConfig={"PageSize": 3})
    numbers = [one["Number"] for page in pages for one in page["Events"]]
    assert numbers == sorted(set(numbers), reverse=True)
    checked = office.verify_audit()
    assert checked["Whole"] and checked["Rows"] >= len(numbers)
    assert office.verify_audit(Number=checked["Rows"], Hash=checked["Hash"])["Whole"]
    assert not office.verify_audit(Number=checked["Rows"], Hash="0" * 64)["Whole"]
    assert "together" in refusal(office.verify_audit, Number=1)[1]
    for key in (WARD, STUDY, NOBODY):
        assert refusal(records_lake.client(key).list_audit_events)[0] == 403


def test_without_a_lake_the_error_says_how_to_have_one(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRUME_RECORDS_LAKE", raising=False)
    engine = plain_engine(tmp_path_factory.mktemp("none"), monkeypatch)
    with serve_engine(engine) as url:
        status, message = refusal(client_of(url, "brumerecords", key=KEY).list_patients)
        assert status == 404 and "BRUME_RECORDS_LAKE" in message
