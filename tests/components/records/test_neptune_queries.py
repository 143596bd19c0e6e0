"""Queries of Neptune that run: listed, cancelled, limited."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.components.records.graphs import ask, change, serve_graph, status
from tests.polling import until

MANY = "SELECT * WHERE { ?s ?p ?o . ?s2 ?p2 ?o2 . ?s3 ?p3 ?o3 . ?s4 ?p4 ?o4 } ORDER BY DESC(?s)"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_graph(tmp_path_factory.mktemp("neptune")) as made:
        rows = " . ".join(f"<http://e/n{number}> <http://e/q> {number}" for number in range(300))
        change(made, f"INSERT DATA {{ GRAPH <http://e/many> {{ {rows} }} }}")
        yield made


def test_the_list_of_queries_needs_no_id_and_may_be_empty(url: str) -> None:
    """aws/graph-notebook#336: `%sparql_status` without an id is the list of all."""
    for method in ("GET", "POST"):
        answer = requests.request(method, f"{url}/sparql/status", timeout=60)
        assert answer.status_code == 200
        assert answer.json() == {"acceptedQueryCount": 0, "runningQueryCount": 0, "queries": []}


@pytest.fixture
def running(url: str) -> Iterator[tuple[str, list[requests.Response]]]:
    """A query that would run for hours: its id, and where its answer comes."""
    answers: list[requests.Response] = []
    identity = str(uuid.uuid4())

    def run() -> None:
        data = {"query": MANY, "queryId": identity}
        answers.append(requests.post(f"{url}/sparql", data=data, timeout=300))

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: status(url)["runningQueryCount"], "the query to run")
    yield identity, answers
    thread.join(60)
    assert not thread.is_alive()


def test_a_running_query_is_listed_and_cancelled(
    url: str, running: tuple[str, list[requests.Response]]
) -> None:
    identity, answers = running
    (listed,) = status(url)["queries"]
    assert (listed["queryId"], listed["queryString"]) == (identity, MANY)
    assert status(url, queryId=identity)["queryId"] == identity
    again = requests.post(f"{url}/sparql", data={"query": "ASK {}", "queryId": identity}, timeout=60)
    assert "is in use" in again.json()["detailedMessage"]
    cancelled = requests.get(f"{url}/sparql/status?cancelQuery&queryId={identity}", timeout=60)
    assert set(cancelled.json()) == {"acceptedQueryCount", "runningQueryCount", "queries"}
    until(lambda: answers, "the answer of the cancelled query")
    assert answers[0].status_code == 500
    assert answers[0].json()["code"] == "CancelledByUserException"
    assert answers[0].json()["detailedMessage"] == "Operation terminated (cancelled by user)"


def test_a_silently_cancelled_query_has_no_rows(
    url: str, running: tuple[str, list[requests.Response]]
) -> None:
    identity, answers = running
    status(url, cancelQuery="true", silent="true", queryId=identity)
    until(lambda: answers, "the answer of the cancelled query")
    assert answers[0].status_code == 200
    found = answers[0].json()
    assert set(found["head"]["vars"]) >= {"s", "p4"}
    assert found["results"]["bindings"] == []


def test_a_result_that_is_cancelled_after_it_began_has_no_end(url: str) -> None:
    """tableau/altimeter#112: the error came within the body, and what had arrived was taken as whole."""
    query = "SELECT * { ?s <http://e/q> ?a . ?t <http://e/q> ?b . ?u <http://e/q> ?c }"  # 27 million rows
    data = {"query": query, "queryId": str(uuid.uuid4())}
    with requests.post(f"{url}/sparql", data=data, stream=True, timeout=60) as answer:
        assert answer.raw.read(100)
        status(url, cancelQuery="true", queryId=data["queryId"])
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for _ in answer.iter_content(1 << 20):
                pass
    until(lambda: not status(url)["queries"], "the query to leave the list")


def test_ids_that_are_not_known(url: str) -> None:
    where = f"{url}/sparql/status"
    assert requests.post(where, data={"queryId": "no-guid"}, timeout=60).content == b""
    absent = requests.post(where, data={"queryId": str(uuid.uuid4()), "cancelQuery": "True"}, timeout=60)
    assert (absent.status_code, absent.content) == (200, b"")
    wrong = requests.post(where, data={"queryId": "no-guid", "cancelQuery": "1"}, timeout=60)
    assert wrong.status_code == 400
    assert wrong.json()["detailedMessage"] == "Invalid queryId (not a UUID): no-guid"


def test_many_that_wait_can_still_be_cancelled_and_more_are_turned_away(url: str) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(
                requests.post(f"{url}/sparql", data={"query": MANY}, timeout=300).status_code
            )
        )
        for _ in range(26)
    ]
    for thread in threads:
        thread.start()
    until(lambda: status(url)["acceptedQueryCount"] == 24 and len(answers) == 2, "the queries to wait")
    assert answers == [429, 429]
    for query in status(url)["queries"]:
        status(url, cancelQuery="true", queryId=query["queryId"])
    for thread in threads:
        thread.join(120)
    assert sorted(answers) == [429, 429] + [500] * 24


def test_time_and_memory_of_a_query_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRUME_SPARQL_SECONDS", "2")
    monkeypatch.setenv("BRUME_SPARQL_MEMORY", "32MB")
    with serve_graph(tmp_path) as url:
        rows = " . ".join(f"<http://e/n{number}> <http://e/q> {number}" for number in range(300))
        change(url, f"INSERT DATA {{ {rows} }}")
        counting = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o . ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
        late = requests.post(f"{url}/sparql", data={"query": counting}, timeout=120)
        assert (late.status_code, late.json()["code"]) == (500, "TimeLimitExceededException")
        assert "BRUME_SPARQL_SECONDS" in late.json()["detailedMessage"]
        large = requests.post(f"{url}/sparql", data={"query": MANY}, timeout=120)
        assert large.status_code == 500
        assert large.json()["code"] in ("MemoryLimitExceededException", "TimeLimitExceededException")
        assert ask(url, "ASK { ?s ?p ?o }")  # the others go on
