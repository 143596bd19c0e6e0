"""A graph service is brought to a folder's graphs: only what changed moves, a cut run is made good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brume.aws import addresses
from brume.records.model.graph import vocabulary as words
from brume.records.model.graph.files import PatientRecord, write
from brume.records.pipeline import graph_service
from brume.records.pipeline.graph_service import Brought, GraphServiceError, bring
from tests.aws.serving import KEY, KEYS
from tests.components.records.graphs import neptune, serve_graph
from tests.components.records.test_graph_statements import DIABETES, mention, note

COUNT = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } FILTER(?g != <urn:brume:graph:manifest>) }"


def made(folder: Path, patients: dict[str, str]) -> int:
    """Write the graphs of patients with what is written of each; returns the number of quads."""
    records = [
        PatientRecord(patient, [(note(patient), [mention(text, DIABETES)])])
        for patient, text in patients.items()
    ]
    return write(folder, records).quads


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("service")
    with serve_graph(folder, keys=KEYS) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_NEPTUNEDATA", url)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)
        patch.setenv(addresses.FOLDERS, f'{{"s3://bucket/": "{folder / "bucket"}"}}')
        yield url, folder / "bucket" / "changes"


def count() -> int:
    found = graph_service._ask("query", COUNT)
    return int(found["results"]["bindings"][0]["n"]["value"])


def test_only_what_changed_is_loaded_and_what_is_gone_is_dropped(
    service: tuple[str, Path], tmp_path: Path
) -> None:
    _, changes = service
    graph_service._ask("update", "DROP ALL")
    quads = made(tmp_path / "one", {"a": "diabetes", "b": "diabetes", "c": "diabetes"})
    assert bring(str(tmp_path / "one"), str(changes)) == Brought(4, 0)  # and that of the concepts
    assert count() == quads
    assert bring(str(tmp_path / "one"), str(changes)) == Brought(0, 0)
    fewer = made(tmp_path / "two", {"a": "diabetes", "b": "sugar"})
    assert bring(str(tmp_path / "two"), str(changes)) == Brought(1, 1)
    assert count() == fewer
    assert (
        graph_service._ask("query", f"ASK {{ GRAPH {words.graph_of('c')} {{ ?s ?p ?o }} }}")["boolean"]
        is False
    )


def test_a_run_that_was_cut_short_is_made_good(
    service: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, changes = service
    quads = made(tmp_path / "graph", {"a": "diabetes", "x": "diabetes", "y": "diabetes"})
    with monkeypatch.context() as patch:

        def cut(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(graph_service, "_wait", cut)
        with pytest.raises(KeyboardInterrupt):
            bring(str(tmp_path / "graph"), str(changes))
    (_first, *_) = neptune(url, key=KEY).list_loader_jobs()["payload"]["loadIds"]
    bring(str(tmp_path / "graph"), str(changes))
    assert count() == quads
    assert bring(str(tmp_path / "graph"), str(changes)) == Brought(0, 0)


def test_why_the_service_did_not_is_said(
    service: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path / "graph", {"z": "diabetes"})
    with pytest.raises(addresses.AddressError, match="has no address"):
        bring(str(tmp_path / "graph"), str(tmp_path / "elsewhere"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(GraphServiceError, match="answered 403"):
        bring(str(tmp_path / "graph"), str(service[1]))
    monkeypatch.setenv("AWS_ENDPOINT_URL_NEPTUNEDATA", "http://127.0.0.1:1")
    with pytest.raises(GraphServiceError, match="cannot be reached"):
        bring(str(tmp_path / "graph"), str(service[1]))
