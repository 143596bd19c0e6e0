"""Files for other servers, taken by doubles of these: OpenSearch's bulk requests, HAPI's bulk import.

The doubles check what the servers' documentation asks of the files; no OpenSearch and no HAPI runs here.
"""

from __future__ import annotations

import functools
import json
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from brume.records.model import entities, exports, ingest
from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.exports import fhir, opensearch
from brume.records.model.generated import write as write_generated
from brume.records.model.lake import Lake
from brume.records.model.nlp import healthlake
from brume.records.model.note import Note
from brume.records.model.notes.making import make
from tests.components.records.exports import Json, attached, document, patient, write

GOUT = Concept(CodeSystem.ICD10CM, "M10.9", "Gout, unspecified", 0.9)
AUTHOR = {"reference": "Practitioner?identifier=npi|7"}


class Finder:
    """A double of an extractor: each "gout" in a text, negated behind "no"."""

    name, version = "finder", "1"

    def extract(self, note: Note) -> tuple[Entity, ...]:
        begin = note.text.find("gout")
        if begin < 0:
            return ()
        traits = ((Trait.NEGATION, 0.9),) if "no gout" in note.text else ()
        score = 0.5 if "perhaps" in note.text else 0.95
        return (
            Entity(begin, begin + 4, "gout", "MEDICAL_CONDITION", "DX_NAME", score, traits, (GOUT,), "plan"),
        )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("exports")
    practitioner = {
        "resourceType": "Practitioner",
        "id": "dr",
        "identifier": [{"system": "npi", "value": "7"}],
    }
    two = [{"contentType": "text/plain", "data": data} for data in ("Z291dCBub3c=", "Z291dCBub3c=")]
    resources: list[Json] = [
        patient(),
        practitioner,
        document("a", "He has gout.", author=[AUTHOR], date="2024-05"),
        document("a-1", "There is no gout.", extension=[{"url": "http://other", "valueString": "x"}]),
        document("b", "It is perhaps gout."),
        document("c", "Nothing."),
        attached("d", *two),
    ]
    lake = Lake(str(folder / "lake"))
    ingest.run(write(folder / "in", {"all.ndjson": resources}), lake, processes=1)
    make(lake)
    entities.find(lake, Finder, processes=1)
    return lake


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, list[Any]]]:
    """A folder that is served, and a double of `_bulk` which keeps what it indexed."""
    indexed: list[Any] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert body.endswith(b"\n") and len(body) <= 100 << 20
            lines = [json.loads(line) for line in body.splitlines()]
            for action, one in zip(lines[::2], lines[1::2], strict=True):
                assert list(action) == ["index"] and set(action["index"]) == {"_index", "_id"}
                indexed.append((action["index"]["_id"], one))
            self.send_response(200)
            self.end_headers()

    handler: type[BaseHTTPRequestHandler] = functools.partial(Handler, directory=str(tmp_path))  # type: ignore[assignment]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", indexed
    server.shutdown()
    server.server_close()
    thread.join()


def test_notes_go_to_opensearch(
    filled: Lake, tmp_path: Path, served: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_BYTES", 700)
    assert opensearch(filled, tmp_path, 0.7) == 6
    url, indexed = served
    files = sorted(tmp_path.glob("bulk-*.ndjson"))
    assert len(files) > 1
    for file in files:
        request = urllib.request.Request(
            f"{url}/_bulk", file.read_bytes(), {"Content-Type": "application/x-ndjson"}
        )
        urllib.request.urlopen(request)
    documents = dict(indexed)
    assert len(documents) == 6
    known = json.loads((tmp_path / "mapping.json").read_text())["mappings"]["properties"]
    for one in documents.values():
        assert set(one) <= set(known)
        for entity in one["entities"]:
            assert set(entity) <= set(known["entities"]["properties"])
            assert one["text"][entity["begin"] : entity["end"]] == entity["text"]
    first = documents["DocumentReference/a/0"]
    assert (first["patient"], first["date"], first["entities"][0]["code"]) == ("p", "2024-05", "M10.9")
    assert documents["DocumentReference/a-1/0"]["entities"][0]["traits"] == ["NEGATION"]
    assert documents["DocumentReference/b/0"]["entities"] == []  # its score is too low


def test_resources_go_to_a_fhir_server(filled: Lake, tmp_path: Path, served: tuple[str, list[Any]]) -> None:
    count = fhir(filled, tmp_path, "finder-1", 0.7, present=False)
    listed = json.loads((tmp_path / "import.json").read_text())["parameter"]
    about = {one["name"]: one for one in listed}
    assert about["inputFormat"]["valueCode"] == "application/fhir+ndjson"
    taken: dict[str, Json] = {}
    for one in listed:
        if one["name"] == "input":
            part = {each["name"]: each for each in one["part"]}
            address = part["url"]["valueUri"].replace(exports.SERVED, served[0])
            with urllib.request.urlopen(address) as answer:
                for line in answer:
                    resource = json.loads(line)
                    assert resource["resourceType"] == part["type"]["valueCode"]
                    taken[f"{resource['resourceType']}/{resource['id']}"] = resource
    assert len(taken) == count
    assert {reference for one in taken.values() for reference in references(one)} <= taken.keys()
    assert taken["DocumentReference/a"]["author"] == [{"reference": "Practitioner/dr"}]
    conditions = [one for one in taken.values() if one["resourceType"] == "Condition"]
    assert len(conditions) == 2  # of a, and of d, both of whose contents state the same; b is not sure
    assert not any("http://other" in json.dumps(one) for one in conditions)
    order = [one["part"][0]["valueCode"] for one in listed if one["name"] == "input"]
    assert order.index("Patient") < order.index("Condition") < len(order)
    again = tmp_path / "again"
    fhir(filled, again, "finder-1", 0.7, present=False)
    assert all((again / file.name).read_bytes() == file.read_bytes() for file in tmp_path.glob("*.*"))


def references(value: Any) -> Iterator[str]:
    """Yield what is referred to, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_generated_resources_stand_beside_the_samples_table(filled: Lake, tmp_path: Path) -> None:
    counts = write_generated(filled, tmp_path, "finder-1", 0.7, present=False)
    assert counts == {"DocumentReference": 5, "Condition": 2, "Linkage": 2}
    documents = {
        one["id"]: one
        for one in map(json.loads, (tmp_path / "DocumentReference-0.ndjson").read_text().splitlines())
    }
    urls = [one["url"] for one in documents["a-1"]["extension"]]
    assert urls == ["http://other", healthlake.EXTENSION]  # negated: nothing is generated of it
    assert [one.text for one in healthlake.present(documents["b"])] == ["gout"]
    assert healthlake.present(documents["c"]) == ()
    lines = (tmp_path / "entities.csv").read_text().splitlines()
    assert lines[0] == "Score,Type,Text,File"
    assert lines[1:] == [
        "0.95,DX_NAME,gout,p___a-1.txt",
        "0.95,DX_NAME,gout,p___a.txt",
        "0.95,DX_NAME,gout,p___d.txt",
        "0.95,DX_NAME,gout,p___d.txt",
    ]
    assert write_generated(filled, tmp_path / "present", "finder-1", 0.7, present=True) == {}
    assert [path.name for path in (tmp_path / "present").iterdir()] == ["entities.csv"]
