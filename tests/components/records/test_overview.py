"""What a lake knows as pages ask for it: timelines, neighbours, cohorts, pairs, for those who may see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from brume.records.engine.lake_reader import LakeReader, NoLakeError
from brume.records.model import ingest
from brume.records.model.lake import Lake
from brume.records.model.overview import events, neighbourhood, tables, timeline
from brume.records.model.overview.cohorts import Cohort, Criterion, age, select
from brume.records.model.overview.disclosure import Disclosure
from brume.records.model.overview.pairs import CONDITION, DRUG, pairs
from brume.records.model.overview.tables import Members, Overview, Patient
from brume.records.model.resources import Resource
from tests.components.records.exports import patient, write
from tests.components.records.overviews import (
    ASTHMA,
    DIABETES,
    METFORMIN,
    PATIENTS,
    RARE,
    WITHOUT,
    lake_of,
    name,
)

TODAY = date(2026, 11, 30)


@pytest.fixture(scope="module")
def overview(tmp_path_factory: pytest.TempPathFactory) -> Overview:
    lake = lake_of(tmp_path_factory.mktemp("overview"))
    return tables.build(lake, lake.snapshot())


def chosen(overview: Overview, cohort: Cohort, among: Members | None = None) -> list[int]:
    members = select(overview, cohort, overview.members() if among is None else among, TODAY)
    return [int(number) for number in np.flatnonzero(members)]


def test_a_timeline_has_what_happened_the_last_first(overview: Overview) -> None:
    entries, counts = timeline.timeline(overview, "p00", timeline.Wanted())
    assert [(one.kind, one.date[:10], one.title) for one in entries] == [
        ("note", "2022-07-08", "Letter"),
        ("medication", "2021-01-02", "metformin"),
        ("condition", "2020-05-01", "diabetes"),
        ("condition", "2020-05-01", "psoriasis"),
        ("encounter", "2019-02-03", "Visit"),
    ]
    assert entries[0].reference == "DocumentReference/n/0" and entries[-1].end == "2019-02-03T09:00:00Z"
    assert {(one.kind, one.year): one.events for one in counts}["condition", "2020"] == 2


def test_a_timeline_is_filtered_and_has_pages(overview: Overview) -> None:
    def titles(**wanted: object) -> list[str]:
        return [one.title for one in timeline.timeline(overview, "p00", timeline.Wanted(**wanted))[0]]  # type: ignore[arg-type]

    assert titles(kinds=["note", "encounter"]) == ["Letter", "Visit"]
    assert titles(since="2020", until="2021-01-02") == ["metformin", "diabetes", "psoriasis"]
    assert titles(text="DIAB") == titles(text="E11") == ["diabetes"]
    assert titles(text="' OR 1=1 --") == []
    page, counts = timeline.timeline(overview, "p00", timeline.Wanted(), after=3, size=1)
    assert [one.title for one in page] == ["psoriasis"] and sum(one.events for one in counts) == 5
    with pytest.raises(KeyError):
        timeline.timeline(overview, "nobody", timeline.Wanted())


@pytest.mark.parametrize(
    ("verified", "status"),
    [("confirmed", "active"), ("refuted", "refuted"), ("entered-in-error", None)],
)
def test_a_condition_that_was_refuted_or_an_error_does_not_stand_as_one(
    verified: str, status: str | None
) -> None:
    coding = [{"system": "http://v", "code": verified, "display": verified.title()}]
    value = {
        "verificationStatus": {"coding": coding},
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "onsetPeriod": {"start": "2020", "end": "2021-02"},
        "code": {"text": "Gout"},
    }
    found = events.event_of(Resource("Condition", "c", "1", value, "f", 1), {})
    assert found == (events.Event("condition", "2020", "2021-02", "Gout", status, None) if status else None)


def test_a_list_of_patients_has_those_that_may_be_seen(overview: Overview) -> None:
    among = overview.members(["p00", "p07", "not here"])
    assert [one.patient.id for one in timeline.patients(overview, among)] == ["p00", "p07"]
    assert [one.patient.id for one in timeline.patients(overview, among, "planted07")] == ["p07"]
    first = timeline.patients(overview, among)[0]
    assert (first.notes, first.last_note, first.patient.name) == (1, "2022-07-08", "Ann Planted00")
    assert len(timeline.patients(overview, overview.members(), after=50, size=20)) == PATIENTS - 50


@pytest.mark.parametrize(
    ("cohort", "numbers"),
    [
        (Cohort((Criterion((DIABETES,)),)), range(30)),
        (Cohort((Criterion((WITHOUT,)),)), range(15, 30)),
        (Cohort((Criterion((DIABETES,)), Criterion((ASTHMA,)))), range(15, 30)),
        (Cohort((Criterion((DIABETES, ASTHMA)),)), range(45)),
        (Cohort((Criterion((DIABETES,)),), (Criterion((METFORMIN,)),)), (28, 29)),
        (Cohort((Criterion((DIABETES,), ("hasFamilyHistoryOf",)),)), ()),
        (Cohort((Criterion(((ASTHMA[0], "C50"),), ("hasFamilyHistoryOf",)),)), (0,)),
        (Cohort((Criterion(((ASTHMA[0], "R07.9"),)),)), ()),
        (Cohort(sexes=("female",), from_age=77), (57, 59)),
        (Cohort(to_age=22), (0, 1, 2)),
    ],
)
def test_a_cohort_has_who_fulfils_all_conditions(
    overview: Overview, cohort: Cohort, numbers: range | tuple[int, ...]
) -> None:
    assert chosen(overview, cohort) == list(numbers)
    among = overview.members(name(number) for number in range(20))
    assert chosen(overview, cohort, among) == [number for number in numbers if number < 20]


def test_parts_of_a_cohort_are_the_whole(overview: Overview) -> None:
    cohort = Cohort((Criterion((DIABETES,)),), from_age=25, to_age=45)
    whole = chosen(overview, cohort)
    for parts in (cohort.by_age(), cohort.by_sex()):
        assert sorted(chain(*(chosen(overview, part) for part in parts.values()))) == whole
    assert whole == list(range(5, 26))
    women = replace(cohort, sexes=("female",))
    assert chosen(overview, women.by_sex()["male"]) == [] and len(chosen(overview, women)) == 11


def test_who_has_no_age_is_a_part_of_its_own(overview: Overview) -> None:
    unknown = Patient("x", "", "male", "", "")
    known = replace(overview, patients=[unknown, *overview.patients[1:]])
    cohort = Cohort(sexes=("male",))
    assert chosen(known, cohort.by_age()["unknown"]) == [0] and 0 in chosen(known, cohort)
    assert 0 not in chosen(known, replace(cohort, from_age=0))


@pytest.mark.parametrize(
    ("born", "died", "years"),
    [
        ("1980-11-30", "", 46),
        ("1980-12-01", "", 45),
        ("1980", "", 46),
        ("1980-02-30", "2000-02-28T10:00:00Z", 19),
        ("1980", "true", None),
        ("", "", None),
        ("sometime", "", None),
        ("2030-01-01", "", None),
    ],
)
def test_ages_are_completed_years(born: str, died: str, years: int | None) -> None:
    assert age(Patient("p", "", "", born, died), TODAY) == years


def test_pairs_are_those_more_frequent_than_by_chance(overview: Overview) -> None:
    everyone = overview.members()
    found = list(pairs(overview, everyone, Disclosure(everyone), (CONDITION, DRUG)))
    assert [(one.one, one.other, one.both, round(one.lift, 2)) for one in found] == [
        (ASTHMA, METFORMIN, 13, 0.93),
    ], "of those with diabetes, two do not take it"
    assert all(RARE not in (one.one, one.other) for one in found)
    both = list(pairs(overview, everyone, Disclosure(everyone)))
    assert [(one.one, one.other, one.both, one.lift) for one in both] == [
        (ASTHMA, WITHOUT, 15, 2.0),
        (DIABETES, ASTHMA, 15, 1.0),
    ]
    assert list(pairs(overview, everyone, Disclosure(everyone), focus=DIABETES)) == both
    assert list(pairs(overview, everyone, Disclosure(everyone), focus=RARE)) == []
    few = overview.members(name(number) for number in range(10))
    assert list(pairs(overview, few, Disclosure(few), (CONDITION, DRUG))) == []


def test_the_graph_of_a_note_says_how_it_mentions_what(overview: Overview) -> None:
    graph = neighbourhood.around_note(overview, "DocumentReference/n/0", overview.members(["p00"]))
    found = {(link.target[1].rpartition("|")[2], link.relation) for link in graph.links}
    assert found == {
        ("p00", "of"),
        ("J18.9", "hasCondition"),
        ("R07.9", "negated"),
        ("C50.919", "hasFamilyHistoryOf"),
    }
    for note, among in (("n", ["p01"]), ("orphan", ["p00"])):
        with pytest.raises(KeyError):
            neighbourhood.around_note(overview, f"DocumentReference/{note}/0", overview.members(among))
    assert neighbourhood.around_note(overview, "DocumentReference/orphan/0", None).nodes


def test_the_graph_of_a_patient_has_notes_and_codes(overview: Overview) -> None:
    graph = neighbourhood.around_patient(overview, "p00", overview.members())
    assert {(node.group, node.label) for node in graph.nodes.values()} == {
        ("patient", "Ann Planted00"),
        ("note", "Letter"),
        ("condition", "diabetes"),
        ("condition", "psoriasis"),
        ("condition", "pneumonia"),
        ("condition", "breast cancer"),
        ("drug", "metformin"),
    }
    small = neighbourhood.around_patient(overview, "p00", overview.members(), most=4)
    assert len(small.nodes) == 4 and small.left_out == 3
    assert "Letter" in {node.label for node in small.nodes.values()}
    with pytest.raises(KeyError):
        neighbourhood.around_patient(overview, "p00", overview.members(["p01"]))


def test_the_graph_of_a_concept_has_those_patients_that_may_be_seen(overview: Overview) -> None:
    among = overview.members(["p00", "p01", "p20"])
    graph = neighbourhood.around_concept(overview, DIABETES, among, None)
    nodes = {node.id.rpartition("|")[2] for node in graph.nodes.values()}
    assert nodes == {"E11", "E11.9", "p00", "p01"}
    with pytest.raises(KeyError):
        neighbourhood.around_concept(overview, ("x", "y"), among, None)


def test_the_graph_of_a_concept_without_ids_has_what_many_have_too(overview: Overview) -> None:
    everyone = overview.members()
    graph = neighbourhood.around_concept(overview, WITHOUT, everyone, Disclosure(everyone))
    assert {(node.kind, node.label) for node in graph.nodes.values()} == {
        ("concept", "diabetes"),
        ("concept", "diabetes, plain"),
        ("concept", "asthma"),
    }
    assert [link.count for link in graph.links if link.relation == "together"] == [15]


def test_a_reader_sees_what_a_run_has_committed_since(tmp_path: Path) -> None:
    with pytest.raises(NoLakeError, match="BRUME_RECORDS_LAKE"):
        LakeReader("").overview()
    lake = Lake(str(tmp_path / "lake"))
    reader = LakeReader(lake.uri)
    with pytest.raises(NoLakeError, match="brume run records"):
        reader.overview()
    source = write(tmp_path / "export", {"a.ndjson": [patient("a")]})
    ingest.run(source, lake, processes=1)
    first = reader.overview()
    assert reader.overview() is first and list(first.numbers) == ["a"]
    with first.cursor() as cursor:
        write(tmp_path / "export", {"b.ndjson": [patient("b")]})
        ingest.run(source, lake, processes=1)
        assert list(reader.overview().numbers) == ["a", "b"]
        assert cursor.execute("SELECT id FROM patients").fetchall() == [("a",)], "who reads goes on"


def test_a_lake_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    state = tmp_path / "_brume" / "snapshot.json"
    state.parent.mkdir()
    state.write_text("{}")
    with pytest.raises(NoLakeError, match=r"snapshot\.json"):
        LakeReader(str(tmp_path)).overview()
