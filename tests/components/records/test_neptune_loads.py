"""The loader: what is wrong is named, a repeat changes nothing, a kill loses nothing."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from brume.records.model.graph.fallback import DEFAULT
from tests.components.records.graphs import (
    PENDING,
    ask,
    change,
    load,
    loaded,
    neptune,
    serve_graph,
    serve_process,
)
from tests.polling import until

LINE = "<http://e/{}> <http://e/p> <http://e/o> <http://e/g> .\n"
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("loads")
    with serve_graph(folder) as made:
        yield made, folder


@pytest.fixture
def folder(served: tuple[str, Path]) -> Path:
    """The engine's folder; its bucket is empty."""
    shutil.rmtree(served[1] / "bucket")
    (served[1] / "bucket").mkdir()
    return served[1]


@pytest.fixture
def url(served: tuple[str, Path]) -> str:
    """An engine whose graph is empty."""
    change(served[0], "DROP ALL")
    return served[0]


def put(folder: Path, name: str, text: str) -> str:
    path = folder / "bucket" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return f"s3://bucket/{name}"


def numbered(first: int, last: int) -> str:
    return "".join(LINE.format(number) for number in range(first, last))


def test_a_folder_is_loaded_whole_and_a_repeat_changes_nothing(url: str, folder: Path) -> None:
    put(folder, "in/a.nq.gz", numbered(0, 100))
    put(folder, "in/deep/b.nq", numbered(90, 149) + LINE.format(149).replace(" <http://e/g>", ""))
    for _ in range(2):
        found = load(url, "s3://bucket/in/")
        assert found["feedCount"] == [{"LOAD_COMPLETED": 2}]
        overall = found["overallStatus"]
        assert (overall["status"], overall["fullUri"]) == ("LOAD_COMPLETED", "s3://bucket/in/")
        assert (overall["totalRecords"], overall["parsingErrors"]) == (160, 0)
        assert ask(url, COUNT) == [("150",)]
    assert overall["totalDuplicates"] == 160
    graphs = "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }"
    assert ask(url, graphs) == [(DEFAULT,), ("http://e/g",)]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("turtle", "@prefix e: <http://e/> . e:a e:p [ e:q 1 ] , <rel> ."),
        ("ntriples", "_:a <http://e/p> _:b .\n<http://e/a> <http://e/p> <http://e/b> .\n"),
        ("rdfxml", '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
         '<rdf:Description rdf:about="rel"><e:p/><e:q><rdf:Description/></e:q></rdf:Description></rdf:RDF>'),
    ],
)  # fmt: skip
def test_each_format_with_a_named_graph_and_a_base(url: str, folder: Path, kind: str, text: str) -> None:
    source = put(folder, "file", text)
    counts = []
    for _ in range(2):
        parser = {"namedGraphUri": "http://e/named", "baseUri": "http://base/"}
        found = load(url, source, kind, parserConfiguration=parser)
        assert found["overallStatus"]["status"] == "LOAD_COMPLETED", found
        counts.append(ask(url, "SELECT (COUNT(*) AS ?n) { GRAPH <http://e/named> { ?s ?p ?o } }"))
    assert counts[0] == counts[1] != [("0",)]
    if kind != "ntriples":
        assert ask(url, "ASK { { <http://base/rel> ?p ?o } UNION { ?s ?p <http://base/rel> } }")


def test_an_error_ends_a_load_and_nothing_is_loaded(url: str, folder: Path) -> None:
    """aws-samples/amazon-neptune-samples#120: LOAD_FAILED and no word of the reason."""
    put(folder, "in/a.nq", numbered(0, 10))
    put(folder, "in/b.nq", LINE.format(1) + "wrong\n" + LINE.format(2))
    put(folder, "in/c.nq", numbered(20, 30))
    found = load(url, "s3://bucket/in")
    assert found["overallStatus"]["status"] == "LOAD_FAILED"
    assert ask(url, COUNT) == [("0",)]
    (error,) = found["errors"]["errorLogs"]
    assert (error["fileName"], error["recordNum"], error["errorCode"]) == (
        "s3://bucket/in/b.nq",
        2,
        "PARSING_ERROR",
    )
    assert error["errorMessage"]
    states = {feed["fullUri"][-4:]: feed["status"] for feed in found["failedFeeds"]}
    assert states == {"b.nq": "LOAD_FAILED", "c.nq": "LOAD_CANCELLED_DUE_TO_ERRORS"}


@pytest.mark.parametrize("name", ["a.nq.gz", "a.nq"])
def test_a_file_of_one_endless_line_fails_alone_and_says_why(url: str, folder: Path, name: str) -> None:
    put(folder, f"in/{name}", "a" * (40 << 20))
    put(folder, "in/b.nq", LINE.format(1))
    found = load(url, "s3://bucket/in", failOnError=False)
    assert found["overallStatus"]["status"] == "LOAD_FAILED"
    (error,) = found["errors"]["errorLogs"]
    assert (error["fileName"], error["errorCode"]) == (f"s3://bucket/in/{name}", "PARSING_ERROR")
    assert "16 MiB" in error["errorMessage"] or "times its size" in error["errorMessage"]
    assert ask(url, COUNT) == [("1",)]


def test_without_fail_on_error_the_rest_is_loaded_and_errors_come_by_pages(url: str, folder: Path) -> None:
    put(folder, "in/a.nq", "".join("wrong\n" if number % 2 else LINE.format(number) for number in range(50)))
    put(folder, "in/b.ttl", numbered(100, 110))
    found = load(url, "s3://bucket/in", failOnError=False)
    assert ask(url, COUNT) == [("35",)]
    assert found["overallStatus"]["status"] == "LOAD_FAILED"
    assert found["overallStatus"]["parsingErrors"] == 25
    boto = neptune(url)
    page = boto.get_loader_job_status(loadId=found["errors"]["loadId"], errors=True, page=2, errorsPerPage=20)
    errors = page["payload"]["errors"]
    assert (errors["startIndex"], errors["endIndex"]) == (21, 25)
    assert [error["recordNum"] for error in errors["errorLogs"]] == [42, 44, 46, 48, 50]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"source": "/etc/passwd"}, "s3://BUCKET/KEY"),
        ({"source": "s3://bucket/../../../etc/passwd"}, "leads out"),
        ({"source": ""}, "source is required"),
        ({"format": "csv"}, "this engine holds RDF|property graphs"),
        ({"format": "docx"}, "must be one of nquads"),
        ({"parserConfiguration": {"namedGraphUri": "relative"}}, "absolute IRI"),
        ({"parserConfiguration": {"graph": "a:b"}}, "namedGraphUri"),
        ({"dependencies": ["absent"]}, "there is no load job absent"),
    ],
)
def test_a_request_that_cannot_be_done_is_refused(url: str, members: dict[str, Any], words: str) -> None:
    request = {"source": "s3://bucket/a.nq", "format": "nquads", "region": "us-east-1", **members}
    answer = requests.post(f"{url}/loader", json=request, timeout=60)
    assert 400 <= answer.status_code < 500
    assert any(word in answer.json()["detailedMessage"] for word in words.split("|"))


def test_a_source_that_is_not_there_fails_with_its_address(url: str) -> None:
    found = load(url, "s3://bucket/absent.nq")
    assert found["overallStatus"]["status"] == "LOAD_S3_READ_ERROR"
    assert "s3://bucket/absent.nq" in json.dumps(found["errors"])


def test_words_for_booleans_and_no_role_as_notebooks_send_them(url: str, folder: Path) -> None:
    source = put(folder, "a.nq", LINE.format(1) + "wrong\n")
    request = {"source": source, "format": "nquads", "region": "us-east-1", "failOnError": "FALSE"}
    request |= {"queueRequest": "TRUE", "parallelism": "MEDIUM", "updateSingleCardinalityProperties": "FALSE"}
    identity = requests.post(f"{url}/loader", json=request, timeout=60).json()["payload"]["loadId"]
    loaded(url, identity)
    assert ask(url, COUNT) == [("1",)]
    status = requests.get(f"{url}/loader?loadId={identity}&details=TRUE&errors=TRUE", timeout=60).json()
    assert status["payload"]["failedFeeds"][0]["parsingErrors"] == 1
    assert status["payload"]["errors"]["errorLogs"][0]["recordNum"] == 2
    listed = requests.get(f"{url}/loader", timeout=60).json()
    assert listed["status"] == "200 OK" and listed["payload"]["loadIds"][0] == identity
    with pytest.raises(ClientError, match="there is no load job"):
        neptune(url).get_loader_job_status(loadId="absent")


def slow(folder: Path, lines: int) -> str:
    """Return a source that takes as long as its number of lines says."""
    return put(folder, "slow.nq", numbered(0, lines))


def start(url: str, source: str, **members: Any) -> str:
    request = {"source": source, "format": "nquads", **members}
    answer = requests.post(f"{url}/loader", json=request, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["payload"]["loadId"]  # type: ignore[no-any-return]


def state(url: str, identity: str) -> str:
    found = requests.get(f"{url}/loader?loadId={identity}", timeout=60).json()
    return found["payload"]["overallStatus"]["status"]  # type: ignore[no-any-return]


def test_a_load_is_cancelled_and_those_that_wait_for_it_are_not_done(url: str, folder: Path) -> None:
    change(url, "INSERT DATA { <a:a> <a:b> 1 }")
    first = start(url, slow(folder, 400_000))
    refused = requests.post(
        f"{url}/loader", json={"source": "s3://bucket/slow.nq", "format": "nquads"}, timeout=60
    )
    assert "a load is in progress" in refused.json()["detailedMessage"]
    second = start(url, put(folder, "b.nq", numbered(0, 5)), queueRequest="TRUE", dependencies=[first])
    third = start(url, "s3://bucket/b.nq", queueRequest="TRUE")
    until(lambda: state(url, first) == "LOAD_IN_PROGRESS", "the load to begin")
    assert ask(url, COUNT) == [("1",)]  # queries go on, and see what was there before
    assert requests.delete(f"{url}/loader?loadId={first}", timeout=60).json() == {"status": "200 OK"}
    assert loaded(url, first)["feedCount"][-1] == {"LOAD_CANCELLED_BY_USER": 1}
    assert loaded(url, third)["overallStatus"]["status"] == "LOAD_COMPLETED"
    assert state(url, second) == "LOAD_FAILED_BECAUSE_DEPENDENCY_NOT_SATISFIED"
    assert ask(url, COUNT) == [("6",)]


@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_load_leaves_the_same_as_one_without(tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "bucket").mkdir()
    source = slow(folder, 100_000)
    process, url = serve_process(folder, "--allow-anonymous")
    try:
        change(url, "INSERT DATA { <a:a> <a:b> 1 }")
        identity = start(url, source)
        until(lambda: list((folder / "data" / "graph").glob("*.file")), "the load to write")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process, url = serve_process(folder, "--allow-anonymous")
        found = ask(url, COUNT)
        assert found in ([("1",)], [("100001",)])  # nothing between
        until(lambda: state(url, identity) not in PENDING, "the load to end after the restart")
        assert state(url, identity) == "LOAD_COMPLETED"
        assert ask(url, COUNT) == [("100001",)]
        assert len([path for path in (folder / "data" / "graph").iterdir() if path.is_dir()]) == 1
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_files_come_from_an_object_store(s3_server: str, url: str) -> None:
    s3 = boto3.client("s3", endpoint_url=s3_server)
    s3.create_bucket(Bucket="graphs")
    for name, first in (("a", 0), ("b", 50)):
        s3.put_object(Bucket="graphs", Key=f"in/{name}.nq", Body=numbered(first, first + 60).encode())
    assert load(url, "s3://graphs/in/")["overallStatus"]["totalRecords"] == 120
    assert ask(url, COUNT) == [("110",)]
    absent = load(url, "s3://absent/in/")
    assert absent["overallStatus"]["status"] == "LOAD_S3_READ_ERROR"
