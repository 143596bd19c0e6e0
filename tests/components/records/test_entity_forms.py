"""Entities in forms that other programs read: HealthLake's extension, the sample's CSV, a served model."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.graph.files import lines_of, read_graphs
from brume.records.model.lake import Lake
from brume.records.model.nlp import comprehend, healthlake, sample_csv
from brume.records.model.nlp.served import ServedExtractor, ServedModelError, read, schema
from brume.records.model.note import Note
from brume.records.pipeline import stages
from tests.components.records.conftest import Export

TEXT = "Asthma, no gout. Advil daily."
ASTHMA = Entity(0, 6, "Asthma", "MEDICAL_CONDITION", "DX_NAME", 0.97,
                concepts=(Concept(CodeSystem.ICD10CM, "J45.909", "Unspecified asthma", 0.9),))  # fmt: skip
GOUT = Entity(11, 15, "gout", "MEDICAL_CONDITION", "DX_NAME", 0.9, ((Trait.NEGATION, 0.95),),
              (Concept(CodeSystem.ICD10CM, "M10.9", "Gout, unspecified", 0.8),))  # fmt: skip
ADVIL = Entity(17, 22, "Advil", "MEDICATION", "BRAND_NAME", 0.99, (),
               (Concept(CodeSystem.RXNORM, "153010", "Advil", 0.9),), "",
               (Entity(23, 28, "daily", "MEDICATION", "FREQUENCY", 0.9),))  # fmt: skip
FOUND = (ASTHMA, GOUT, ADVIL)
BASE = "http://healthlake.amazonaws.com/aws-cm/"


def made() -> dict[str, Any]:
    icd10 = comprehend.icd10cm(FOUND, lambda one: one.concepts)
    return healthlake.extension(icd10, comprehend.rxnorm(FOUND), comprehend.detected(FOUND), "1.0")


def test_the_extension_has_healthlakes_order_in_every_part() -> None:
    extension = made()
    assert [part["url"] for part in extension["extension"]] == [
        BASE + name for name in ("infer-icd10/", "infer-rxnorm/", "detect-entities/", "status/", "message/")
    ]
    counts = {"infer-icd10/": 2, "infer-rxnorm/": 1, "detect-entities/": 3}
    for part, (base, count) in zip(extension["extension"], counts.items(), strict=False):
        raw, version, *entities = part["extension"]
        assert raw["url"] == f"{BASE}{base}raw-response" and version["url"] == f"{BASE}{base}model-version"
        assert len(json.loads(raw["valueString"])["Entities"]) == len(entities) == count
        assert json.loads(raw["valueString"])["ModelVersion"] == version["valueString"] == "1.0"
    first = extension["extension"][0]["extension"][2]
    name = f"{BASE}infer-icd10/aws-cm-icd10-entity"
    assert first["url"] == name
    ends = ("id", "text", "begin-offset", "end-offset", "score", "ConceptList")
    assert [one["url"] for one in first["extension"]] == [f"{name}-{end}" for end in ends]
    (concept,) = first["extension"][5]["extension"]
    assert concept["url"] == f"{name}-Concept"
    assert [(one["url"].removeprefix(name), *list(one.values())[1:]) for one in concept["extension"]] == [
        ("-Concept-Code", "J45.909"),
        ("-Concept-Description", "Unspecified asthma"),
        ("-Concept-Score", 0.9),
    ]
    drug = extension["extension"][1]["extension"][2]["extension"][5]["extension"][0]
    assert drug["extension"][0]["url"] == f"{BASE}infer-rxnorm/aws-cm-rxnorm-entity-Concepts-Code"


def test_url_comes_first_in_every_object() -> None:
    def check(value: dict[str, Any]) -> None:
        assert next(iter(value)) == "url" and len(value) == 2
        for inner in value.get("extension", ()):
            check(inner)

    check(made())


def test_generated_resources_are_the_patients_and_the_same_again() -> None:
    resources = healthlake.resources("d1", "p1", FOUND)
    assert [one["resourceType"] for one in resources] == ["Condition", "MedicationStatement", "Linkage"]
    condition, statement, linkage = resources
    assert condition["code"]["coding"][0]["code"] == "J45.909"  # gout is denied
    assert condition["subject"] == {"reference": "Patient/p1"}
    assert statement["medicationCodeableConcept"]["coding"][0]["code"] == "153010"
    assert all(one["meta"]["tag"] == [{"display": "SYSTEM_GENERATED"}] for one in resources)
    assert [one["type"] for one in linkage["item"]] == ["alternate", "alternate", "source"]
    assert healthlake.resources("d1", "p1", FOUND) == resources
    assert healthlake.resources("d2", "p1", FOUND)[0]["id"] != condition["id"]
    references = [one["valueReference"]["reference"] for one in healthlake.generated(resources)["extension"]]
    assert references == [f"{one['resourceType']}/{one['id']}" for one in (linkage, condition, statement)]
    assert healthlake.resources("d1", "", (GOUT,)) == []


def test_the_samples_table() -> None:
    out = io.StringIO()
    sample_csv.SampleTable(out).add(FOUND[:2], 'p___d,"1".txt')
    assert out.getvalue() == (
        'Score,Type,Text,File\n0.97,DX_NAME,Asthma,"p___d,""1"".txt"\n0.9,DX_NAME,gout,"p___d,""1"".txt"\n'
    )


PREDICTION = {
    "entities": [
        {
            "begin": 0, "end": 6, "category": "MEDICAL_CONDITION", "type": "DX_NAME", "score": 0.97,
            "concepts": [{"system": str(CodeSystem.ICD10CM), "code": "J45.909",
                          "display": "Unspecified asthma",
                          "score": 0.9}],
        },
        {
            "begin": 11, "end": 15, "category": "MEDICAL_CONDITION", "type": "DX_NAME", "score": 0.9,
            "traits": [{"name": "NEGATION", "score": 0.95}],
            "concepts": [{"system": str(CodeSystem.ICD10CM), "code": "M10.9",
                          "display": "Gout, unspecified",
                          "score": 0.8}],
        },
    ]
}  # fmt: skip


@pytest.fixture
def served() -> Iterator[tuple[str, list[Any], list[bytes]]]:
    """Serve answers of a model, one after the other; yields its URL, the answers to give, the requests."""
    answers: list[Any] = []
    requests: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            requests.append(self.rfile.read(int(self.headers["Content-Length"])))
            data = answers.pop(0)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(data if isinstance(data, bytes) else json.dumps(data).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1/models/notes:predict", answers, requests
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_model_of_the_users_own_takes_the_place(served: tuple[str, list[Any], list[bytes]]) -> None:
    url, answers, requests = served
    answers.append({"predictions": [PREDICTION]})
    assert ServedExtractor(url, "7").extract(Note("a", "p", TEXT)) == FOUND[:2]
    assert json.loads(requests[0]) == {"instances": [{"text": TEXT}]}


def test_a_model_of_the_users_own_finds_what_the_pipeline_writes(
    served: tuple[str, list[Any], list[bytes]], export: Export, tmp_path: Path
) -> None:
    url, answers, requests = served
    lake = Lake(shutil.copytree(export.lake.uri, tmp_path / "lake").as_posix())
    notes = lake.table("notes").num_rows
    answers += [{"predictions": [{"entities": PREDICTION["entities"][:1]}]}] * notes
    metrics = SimpleNamespace(uri="", metadata={})
    stages.find_entities(lake=lake.uri, nlp=url, terminology="", metrics=metrics)
    assert metrics.metadata["entities"] == metrics.metadata["read"] == len(requests) == notes
    graph = SimpleNamespace(uri=str(tmp_path / "graph"), metadata={})
    stages.write_graph(lake=lake.uri, min_score=0.7, keep_negated=False, graph=graph, metrics=metrics)
    assert any(b"J45.909" in line for line in lines_of(graph.uri, sorted(read_graphs(graph.uri)[0])))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"<html>", "answers no JSON"),
        ({"error": "x"}, "without `predictions`"),
        ({"predictions": []}, "without `predictions`, a list of one"),
        ({"predictions": [{"entities": [{"begin": 0}]}]}, "entities/0 does not fit schema.json: required"),
        ({"predictions": [{"entities": [{**PREDICTION["entities"][0], "score": 2}]}]}, "entities/0/score"),
        ({"predictions": [{"entities": [{**PREDICTION["entities"][0], "end": 99}]}]}, "0 to 99 is no place"),
    ],
)
def test_a_wrong_answer_is_named_without_the_note(
    served: tuple[str, list[Any], list[bytes]], answer: Any, fault: str
) -> None:
    url, answers, _ = served
    answers.append(answer)
    with pytest.raises(ServedModelError, match=fault) as caught:
        ServedExtractor(url, "7").extract(Note("a", "p", TEXT))
    assert "Asthma" not in str(caught.value) and "gout" not in str(caught.value)


def test_a_model_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ServedModelError, match=r"does not answer \(.*refused\): start the model there"):
        ServedExtractor("http://127.0.0.1:9/predict", "7").extract(Note("a", "p", TEXT))
    with pytest.raises(ValueError, match="must begin with http"):
        ServedExtractor("file:///etc/passwd", "7")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert read(PREDICTION, TEXT, "here") == FOUND[:2]
