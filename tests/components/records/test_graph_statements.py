"""The graph of patients: what holds of them, the same at each run, and the AWS sample's queries over it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import QueryResultsFormat, RdfFormat, Store, parse

from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.graph import vocabulary as words
from brume.records.model.graph.cooccurrence import Cooccurrence
from brume.records.model.graph.files import PatientRecord, lines_of, read_graphs, write
from brume.records.model.graph.statements import (
    CONDITION,
    MEDICATION,
    Choice,
    Coded,
    Edge,
    concept_quads,
    patient_quads,
)
from brume.records.model.note import Note

DIABETES = Concept(CodeSystem.ICD10CM, "E11.9", "Type 2 diabetes mellitus without complications")
STROKE = Concept(CodeSystem.ICD10CM, "I63.9", "Cerebral infarction, unspecified")
METFORMIN = Concept(CodeSystem.RXNORM, "6809", "metformin")
WORK = Concept(CodeSystem.SNOMED, "160903007", "Full-time employment (finding)")
PREFIXES = "PREFIX r: <urn:brume:records:> "


def mention(
    text: str, concept: Concept, *traits: Trait, begin: int = 0, score: float = 0.95, **more: Any
) -> Entity:
    members: dict[str, Any] = {"category": "MEDICAL_CONDITION", "type": "DX_NAME"} | more
    stated = tuple((trait, 0.9) for trait in traits)
    return Entity(begin, begin + len(text), text, score=score, traits=stated, concepts=(concept,), **members)


def note(patient: str = "p1", number: int = 0) -> Note:
    return Note(f"DocumentReference/d-{patient}/{number}", patient, "...", title="Visit", date="2024-05-01")


def edges(*entities: Entity, coded: tuple[Coded, ...] = (), choice: Choice | None = None) -> set[str]:
    _, found = patient_quads("p1", [(note(), entities)], coded, choice)
    return {f"{edge.name} {edge.concept.code}" for edge in found}


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (mention("diabetes", DIABETES), {"hasCondition E11.9"}),
        (mention("diabetes", DIABETES, Trait.DIAGNOSIS), {"hasCondition E11.9"}),
        (mention("diabetes", DIABETES, Trait.NEGATION), set()),
        (mention("diabetes", DIABETES, Trait.HYPOTHETICAL), set()),
        (mention("diabetes", DIABETES, Trait.LOW_CONFIDENCE), set()),
        (mention("diabetes", DIABETES, Trait.FAMILY), {"hasFamilyHistoryOf E11.9"}),
        (mention("diabetes", DIABETES, Trait.FAMILY, Trait.NEGATION), set()),
        (mention("stroke", STROKE, Trait.PAST_HISTORY), {"hadCondition I63.9"}),
        (mention("diabetes", DIABETES, score=0.69), set()),
        (mention("works full time", WORK), {"hasFinding 160903007"}),
        (mention("metformin", METFORMIN, category="MEDICATION", type="GENERIC_NAME"), {"takes 6809"}),
        (mention("metformin", METFORMIN, Trait.FAMILY, category="MEDICATION", type="GENERIC_NAME"), set()),
        (mention("Ann", DIABETES, category="PROTECTED_HEALTH_INFORMATION", type="NAME"), set()),
    ],
)
def test_what_a_mention_states_of_its_patient(entity: Entity, expected: set[str]) -> None:
    assert edges(entity) == expected


def test_resources_state_what_they_do_not_refute() -> None:
    coded = (
        Coded("Condition/1", CONDITION, DIABETES),
        Coded("Condition/2", CONDITION, STROKE, refuted=True),
        Coded("Condition/3", CONDITION, WORK),
        Coded("MedicationRequest/1", MEDICATION, METFORMIN),
    )
    assert edges(coded=coded) == {"hasCondition E11.9", "hasFinding 160903007", "takes 6809"}


def test_a_mention_keeps_offsets_score_traits_and_its_drugs_dosage() -> None:
    dosage = Entity(20, 26, "500 mg", "MEDICATION", "DOSAGE", 0.9)
    drug = mention(
        "metformin",
        METFORMIN,
        Trait.PAST_HISTORY,
        begin=10,
        category="MEDICATION",
        type="GENERIC_NAME",
        section="medications",
        attributes=(dosage,),
    )
    quads, _ = patient_quads("p1", [(note(), [drug])])
    store = Store()
    store.extend(quads)
    found = store.query(
        PREFIXES
        + """SELECT ?text ?begin ?end ?score ?trait ?section ?dose ?patient { GRAPH ?g {
            ?m r:text ?text ; r:begin ?begin ; r:end ?end ; r:score ?score ; r:trait ?trait ;
               r:section ?section ; r:attribute/r:text ?dose ; r:document/r:patient ?patient } }"""
    )
    (row,) = [[term.value for term in one] for one in found]  # type: ignore[union-attr]
    assert row[:3] == ["metformin", "10", "19"]
    assert [float(row[3]), *row[4:]] == [
        0.95,
        "PAST_HISTORY",
        "medications",
        "500 mg",
        words.patient_node("p1").value,
    ]


ODD = ["p1", "", "a b", "x>y", "é/ü?", '"quoted"', "a\nb", "../..", "%41", "}{", "\\"]


@settings(max_examples=50, deadline=None)
@given(
    patient=st.sampled_from(ODD),
    document=st.sampled_from(ODD),
    text=st.text(min_size=1, max_size=12),
    code=st.sampled_from(ODD[2:]),
    display=st.text(max_size=12),
)
def test_no_value_leaves_its_place_and_a_second_run_is_equal(
    patient: str, document: str, text: str, code: str, display: str
) -> None:
    """Whatever the values are, the lines are N-Quads of this patient's graph, and the same each time."""
    text, display = (
        one.encode("utf-8", "replace").decode().replace("\0", "") or "x" for one in (text, display)
    )
    concept = Concept("http://hl7.org/fhir/sid/icd-10-cm", code, display)
    entity = mention(text, concept)
    lines = [
        "".join(
            f"{quad} .\n"
            for quad in (*patient_quads(patient, [(made, [entity])])[0], *concept_quads([concept]))
        )
        for made in [Note(document, patient, text, title=display)] * 2
    ]
    assert lines[0] == lines[1]
    quads = list(parse(lines[0], RdfFormat.N_QUADS))
    assert {quad.graph_name for quad in quads} == {words.graph_of(patient), words.CONCEPTS}
    texts = {quad.object.value for quad in quads if quad.predicate == words.term("text")}  # type: ignore[union-attr]
    assert texts == {text}


def records() -> list[PatientRecord]:
    made = []
    for number in range(12):
        patient = f"p{number:02d}"
        entities = [mention("diabetes", DIABETES), mention("stroke", STROKE, Trait.NEGATION, begin=40)]
        entities.append(mention("metformin", METFORMIN, begin=60, category="MEDICATION", type="GENERIC_NAME"))
        made.append(PatientRecord(patient, [(note(patient), entities)]))
    return made


def test_files_are_the_same_bytes_and_name_what_changed(tmp_path: Path) -> None:
    one = write(tmp_path / "one", records(), part=60)
    write(tmp_path / "two", records(), part=60)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(names) > 4
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    changed = records()
    changed[3] = PatientRecord("p03", [])
    other = write(tmp_path / "other", changed[:-1], part=60)
    differing = {graph for graph in one.digests if one.digests[graph] != other.digests.get(graph)}
    assert {words.graph_of("p03").value, words.graph_of("p11").value} <= differing
    assert differing <= {words.graph_of("p03").value, words.graph_of("p11").value, words.DERIVED.value}
    digests, parts = read_graphs(str(tmp_path / "one"))
    assert digests == one.digests
    assert set(parts) == set(digests)


def test_the_lines_of_some_graphs_are_those_of_these_alone(tmp_path: Path) -> None:
    write(tmp_path / "graph", records(), part=60)
    wanted = [words.graph_of("p02").value, words.graph_of("p09").value, words.CONCEPTS.value]
    store, whole = Store(), Store()
    store.bulk_load(b"".join(lines_of(str(tmp_path / "graph"), wanted)), RdfFormat.N_QUADS)
    for part in sorted((tmp_path / "graph").glob("*.gz")):
        whole.bulk_load(gzip.decompress(part.read_bytes()), RdfFormat.N_QUADS)
    expected = {quad for quad in whole if getattr(quad.graph_name, "value", "") in wanted}
    assert set(store) == expected
    assert {quad.graph_name.value for quad in store} == set(wanted)  # type: ignore[union-attr]


def test_a_patient_in_two_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="comes twice"):
        write(tmp_path, [records()[0], records()[0]])


def test_pairs_of_few_patients_are_left_out() -> None:
    pairs = Cooccurrence()
    for _ in range(11):
        pairs.add({Edge("hasCondition", DIABETES), Edge("takes", METFORMIN), Edge("hasFinding", WORK)})
    pairs.add({Edge("hasCondition", DIABETES), Edge("hasCondition", STROKE)})
    counts = [quad.object.value for quad in pairs.quads() if quad.predicate == words.term("patients")]  # type: ignore[union-attr]
    assert sorted(counts) == ["11", "11", "12"]  # metformin, the pair, diabetes: nothing of the stroke


# The text that the sample aws-cdk-healthlake-knowledge-analyzer (MIT-0) sends, without line breaks.
SAMPLE = """
        PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
        PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
        PREFIX entity: <http://example.org/entity-type/>
        PREFIX rel: <http://example.org/relationship/>
        SELECT distinct ?doc_id ?doc_name ?ent_name ?ent_type
        WHERE
            {
                ?doc_id rdf:type entity:document .
                ?doc_id rdfs:label ?doc_name .
                filter (
                    contains(?doc_name, "p1___d-p1.txt"@en-US)
                )
                ?ent_id rel:found-in ?doc_id .
                ?ent_id rel:has-text ?text_id .
                ?text_id rdfs:label ?ent_name .
                ?ent_id rdf:type ?ent_type .
            }
    """.replace("\n", "")


def sample_rows(*entities: Entity, choice: Choice | None = None) -> list[tuple[str, ...]]:
    store = Store()
    for patient in ("p1", "p2"):
        store.extend(patient_quads(patient, [(note(patient), entities)], (), choice)[0])
    found = store.query(SAMPLE, use_default_graph_as_union=True)
    rows = json.loads(found.serialize(format=QueryResultsFormat.JSON))["results"]["bindings"]  # type: ignore[union-attr,arg-type]
    return sorted(tuple(row[name]["value"] for name in ("doc_name", "ent_name", "ent_type")) for row in rows)


def test_the_samples_query_finds_the_entities_of_one_document() -> None:
    found = sample_rows(
        mention("Type 2 'Diabetes'", DIABETES),
        mention("x", DIABETES, begin=50),
        mention("stroke", STROKE, Trait.NEGATION, begin=70),
        mention("doubtful", STROKE, begin=90, score=0.5),
    )
    kind = "http://example.org/entity-type/dx_name"
    assert found == [("p1___d-p1.txt", "stroke", kind), ("p1___d-p1.txt", "type 2 diabetes", kind)]


def test_what_is_absent_can_be_left_out_of_the_samples_vocabulary() -> None:
    negated = mention("stroke", STROKE, Trait.NEGATION)
    assert sample_rows(negated, choice=Choice(keep_negated=False)) == []
