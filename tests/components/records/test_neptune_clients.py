"""Clients of Neptune that know nothing of this project, against the engine, by their own ways."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from rdflib import Graph, Literal, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLUpdateStore
from SPARQLWrapper import CSV, JSON, POST, TURTLE, XML, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed

from brume.aws.engine import tls
from tests.aws import environments
from tests.aws.serving import KEY, KEYS
from tests.components.records.graphs import ask, change, serve_graph, serve_process

GRAPH = URIRef("http://e/g")
KNOWS, ANN, BOB = URIRef("http://e/knows"), URIRef("http://e/ann"), URIRef("http://e/bob")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clients")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serve_graph(folder) as made:
        yield made


def test_sparqlwrapper_asks_in_each_form_and_by_get_and_post(url: str) -> None:
    change(url, 'INSERT DATA { GRAPH <http://e/w> { <http://e/ann> <http://e/name> "Ann & <Bob>"@en } }')
    asked = SPARQLWrapper(f"{url}/sparql")
    for method in ("GET", POST):
        asked.setMethod(method)
        asked.setQuery('SELECT ?o { ?s <http://e/name> ?o FILTER(?o != "a+b" && 1 < 2) }')
        asked.setReturnFormat(JSON)
        (row,) = asked.queryAndConvert()["results"]["bindings"]
        assert (row["o"]["value"], row["o"]["xml:lang"]) == ("Ann & <Bob>", "en")
        asked.setReturnFormat(XML)
        assert "Ann &amp; &lt;Bob&gt;" in asked.queryAndConvert().toxml()
        asked.setReturnFormat(CSV)
        assert asked.queryAndConvert().splitlines() == [b"o", b"Ann & <Bob>"]
        asked.setQuery("CONSTRUCT WHERE { ?s <http://e/name> ?o }")
        asked.setReturnFormat(TURTLE)
        assert len(Graph().parse(data=asked.queryAndConvert(), format="turtle")) == 1
    asked.setReturnFormat(JSON)
    asked.setQuery("SELECT ?o { ?s ?p ")
    with pytest.raises(QueryBadFormed, match="1:"):
        asked.query()
    asked.setQuery("DELETE WHERE { GRAPH <http://e/w> { ?s ?p ?o } }")
    asked.setMethod(POST)
    assert asked.query().response.status == 200
    assert ask(url, "ASK { ?s <http://e/name> ?o }") is False


def test_rdflib_writes_and_reads_a_graph(url: str) -> None:
    store = SPARQLUpdateStore(f"{url}/sparql", f"{url}/sparql", autocommit=False)
    graph = Graph(store, identifier=GRAPH)
    for number in range(50):
        graph.add((ANN, KNOWS, Literal(number)))
    graph.add((ANN, KNOWS, BOB))
    store.commit()
    assert len(graph) == 51
    assert (ANN, KNOWS, BOB) in graph
    assert {row.o for row in graph.query("SELECT ?o { ?s <http://e/knows> ?o FILTER(isIRI(?o)) }")} == {BOB}  # type: ignore[union-attr]
    graph.remove((ANN, KNOWS, None))
    store.commit()
    assert len(graph) == 0


def run(program: str, *arguments: str) -> Any:
    """Run a program of `clients` in the environment of these clients; returns what it printed."""
    here = Path(__file__).parent / "clients"
    python = environments.python(here / "neptune-clients.txt", alone=("graph-notebook==5.3.0",))
    keys = {"AWS_ACCESS_KEY_ID": KEY.access_key, "AWS_SECRET_ACCESS_KEY": KEY.secret}
    done = subprocess.run(
        [str(python), "-W", "ignore", str(here / program), *arguments],
        env={**os.environ, **keys, "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_awswrangler_by_tls_and_signed(tmp_path: Path) -> None:
    """With aws/aws-sdk-pandas#2524: a query that is no SPARQL is named as that, by its place."""
    secure = tls.own(tmp_path / "tls")
    with serve_graph(tmp_path, keys=KEYS, tls=secure.context) as url:
        (tmp_path / "bucket" / "a.nq").write_text("<http://e/1> <http://e/p> 1 .\n")
        parts = urlsplit(url)
        arguments = (str(parts.hostname), str(parts.port), secure.bundle, "s3://bucket/a.nq")
        found = run("awswrangler_client.py", *arguments)
    assert found["status"]["status"] == "healthy"
    assert found["written"] is True
    assert found["read"] == [["http://e/a", "http://e/x"], ["http://e/b", "http://e/y"]]
    assert found["load"]["payload"]["overallStatus"]["fullUri"] == "s3://bucket/a.nq"
    assert "MalformedQueryException" in found["error"]


@pytest.mark.slow
@pytest.mark.parametrize("signed", [pytest.param("", marks=pytest.mark.long), "signed"])
def test_graph_notebook(tmp_path: Path, signed: str) -> None:
    (tmp_path / "bucket").mkdir()
    lines = "".join(f"<http://e/{number}> <http://e/p> 1 .\n" for number in range(300_000))
    (tmp_path / "bucket" / "a.ttl").write_text(lines)
    with serve_graph(tmp_path, keys=KEYS if signed else None) as url:
        parts = urlsplit(url)
        arguments = (str(parts.hostname), str(parts.port), "s3://bucket/a.ttl", signed)
        check(run("graph_notebook_client.py", *arguments))


@pytest.mark.slow
def test_one_service_may_be_open_to_programs_that_cannot_sign(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    process, url = serve_process(tmp_path, "--unsigned", "neptunedata")
    try:
        assert ask(url, "ASK {}")
        assert requests.get(f"{url}/status", timeout=60).status_code == 200
        page = requests.post(
            f"{url}/sparql", data={"query": "ASK {}"}, headers={"origin": "http://evil"}, timeout=60
        )
        assert page.status_code == 403  # a web page in this machine's browser
        target = {"x-amz-target": "AWSKendraFrontendService.ListIndices"}
        other = requests.post(
            url, data="{}", headers={"content-type": "application/x-amz-json-1.1", **target}, timeout=60
        )
        assert other.status_code == 403
    finally:
        process.terminate()
        process.wait()


def check(found: dict[str, Any]) -> None:
    """Hold what came back to what graph-notebook's tests expect."""
    assert found["status"]["status"] == "healthy"
    assert found["update"] == 200
    assert set(found["query"]["head"]["vars"]) == {"s", "p", "o"}
    assert found["explain"].startswith("<!DOCTYPE html>")
    assert found["absent"] == [200, ""]
    assert found["cancel_absent"] == [400, "Invalid queryId (not a UUID): invalid-guid"]
    (listed, code, error), (_, silent, rows) = found["cancelled"]
    assert listed == ["acceptedQueryCount", "queries", "runningQueryCount"]
    assert (code, error["code"]) == (500, "CancelledByUserException")
    assert error["detailedMessage"] == "Operation terminated (cancelled by user)"
    assert (silent, rows["results"]["bindings"]) == (200, [])
    assert {"s3", "p3", "o3"} <= set(rows["head"]["vars"])
    assert found["reset"]["payload"]["token"]
    text = "System command parameter 'token' : 'invalid' does not match database reset token"
    assert found["wrong_token"] == [400, text]
    for language, structures in (("pg", "nodeStructures"), ("sparql", "subjectStructures")):
        statistics = found[language]
        assert {"autoCompute", "active", "statisticsId"} <= set(statistics["status"]["payload"])
        assert statistics["disableAutoCompute"] == statistics["enableAutoCompute"] == {"status": "200 OK"}
        assert statistics["delete"] == {"status": "200 OK", "payload": {"active": False, "statisticsId": -1}}
        assert "statisticsId" in statistics["refresh"]["payload"]
        summary = statistics["summary"]
        assert summary["status"] == "200 OK"
        assert {"version", "lastStatisticsComputationTime", "graphSummary"} <= set(summary["payload"])
        assert structures in summary["payload"]["graphSummary"]
    assert found["load"]["payload"]["overallStatus"]["fullUri"] == "s3://bucket/a.ttl"
    assert found["cancel_load"] == 200
    assert list(found["loads"]["payload"]) == ["loadIds"]
