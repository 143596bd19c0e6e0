"""One server: how many requests it takes on, its metrics and logs, and how it ends."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from brume.aws.wire.http.limits import ConnectionLimits
from brume.aws.wire.keys import Key
from brume.aws.wire.server import Engine, Limits
from tests.aws.serving import Held, client_of, serve_engine

LABELS = ("service", "operation", "status")


def metrics(url: str) -> dict[tuple[str, ...], float]:
    with urlopen(f"{url}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): sample.value
            for family in families
            for sample in family.samples
        }


def test_requests_beyond_the_queue_are_turned_away_and_retried_by_clients() -> None:
    held = Held()
    with (
        serve_engine(Engine({"lookoutvision": held}), limits=Limits(workers=1, queue=1)) as url,
        ThreadPoolExecutor(3) as pool,
    ):
        first = pool.submit(client_of(url, "lookoutvision").describe_project, ProjectName="a")
        assert held.entered.acquire(timeout=30)
        second = pool.submit(client_of(url, "lookoutvision").describe_project, ProjectName="b")
        while metrics(url)[("brume_requests_in_flight",)] < 2:
            pass
        with pytest.raises(ClientError) as caught:
            client_of(url, "lookoutvision").list_projects()
        response = caught.value.response
        assert response["Error"]["Code"] == "ThrottlingException"
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert response["RetryAfterSeconds"] == 1
        patient = pool.submit(client_of(url, "lookoutvision", attempts=5).list_projects)
        held.go.set()
        assert first.result()["ProjectDescription"]["ProjectName"] == "a"
        assert second.result()["ProjectDescription"]["ProjectName"] == "b"
        assert patient.result()["Projects"] == []


def test_a_server_that_ends_answers_the_requests_it_has() -> None:
    held = Held()
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        with serve_engine(Engine({"lookoutvision": held}, close=ended.set)) as url:
            running = pool.submit(client_of(url, "lookoutvision").describe_project, ProjectName="a")
            assert held.entered.acquire(timeout=30)
            threading.Timer(0.5, held.go.set).start()
        assert running.result()["ProjectDescription"]["ProjectName"] == "a"
    assert ended.is_set()


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    held = Held()
    with serve_engine(Engine({"lookoutvision": held}), limits=Limits(seconds=0.1)) as url:
        with pytest.raises(ClientError) as caught:
            client_of(url, "lookoutvision").describe_project(ProjectName="a")
        held.go.set()
        assert caught.value.response["Error"]["Code"] == "ServiceUnavailableException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_a_body_is_bounded_and_may_be_as_large_as_the_model_says() -> None:
    engine = Engine({"lookoutvision": Held()}, max_body=1 << 20)
    with serve_engine(engine) as url:
        client = client_of(url, "lookoutvision")
        about = {"ProjectName": "a", "ModelVersion": "1", "ContentType": "image/png"}
        taken = client.detect_anomalies(Body=bytes(1 << 20), **about)
        assert taken["DetectAnomalyResult"]["Confidence"] == 1 << 20
        with pytest.raises(ClientError) as caught:
            client.detect_anomalies(Body=bytes((1 << 20) + 1), **about)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        with pytest.raises(ClientError) as caught:  # 9 MB in base64, where the model allows 10 MiB
            client.update_dataset_entries(ProjectName="a", DatasetType="train", Changes=bytes(9_000_000))
        assert (
            caught.value.response["Error"]["Code"] == "UnknownOperationException"
        )  # and so its body was read


def test_a_refusal_reaches_a_client_that_sends_much() -> None:
    with serve_engine(Engine({"lookoutvision": Held()})) as url:
        stranger = client_of(url, "lookoutvision", key=Key("AKIDNOBODY", "secret"))
        about = {"ProjectName": "a", "ModelVersion": "1", "ContentType": "image/png"}
        for _ in range(5):
            with pytest.raises(ClientError) as caught:
                stranger.detect_anomalies(Body=bytes(8 << 20), **about)
            assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_a_client_that_never_sends_its_body_is_let_go() -> None:
    with serve_engine(Engine({"lookoutvision": Held()}), keys=None, limits=Limits(body_seconds=0.2)) as url:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=30)
        connection.putrequest("POST", "/2020-11-20/projects/a/models/1/detect")
        connection.putheader("Content-Length", "10")
        connection.endheaders()
        assert connection.getresponse().status == 408
        connection.close()


def test_a_client_that_never_ends_its_headers_is_let_go() -> None:
    short = ConnectionLimits(header_seconds=1.0)
    with serve_engine(Engine({"lookoutvision": Held()}), keys=None, connections=short) as url:
        parts = urlsplit(url)
        for first in (b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
                connection.sendall(first)
                if first:
                    answer = b""
                    while not answer.endswith(b"}"):
                        answer += connection.recv(10_000)
                    assert answer.startswith(b"HTTP/1.1 200")
                connection.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
                assert connection.recv(10_000) == b""


def test_health_metrics_and_log_show_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "brume.engine")
    why: list[str | None] = ["its database is away"]
    engine = Engine({"lookoutvision": Held()}, ready=lambda: why[0])
    with serve_engine(engine) as url:
        assert urlopen(f"{url}/healthz").status == 200
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0)
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["reason"]) == (503, "its database is away")
        connection.close()
        why[0] = None
        assert urlopen(f"{url}/readyz").status == 200
        client = client_of(url, "lookoutvision")
        client.list_projects()
        about = {"ProjectName": "secret-part", "ModelVersion": "1", "ContentType": "image/png"}
        client.detect_anomalies(Body=b"secret", **about)
        with pytest.raises(ClientError):
            client.detect_anomalies(Body=b"secret", **{**about, "ModelVersion": "first"})
        seen = metrics(url)
    assert seen[("brume_requests_total", "lookoutvision", "DetectAnomalies", "200")] == 1
    assert seen[("brume_requests_total", "lookoutvision", "DetectAnomalies", "400")] == 1
    assert seen[("brume_request_seconds_count", "lookoutvision", "ListProjects")] == 1
    assert seen[("brume_requests_in_flight",)] == 0
    records = map(json.loads, caplog.messages)
    lines = [line for line in records if "operation" in line]  # others are about an engine's own work
    assert [(line["operation"], line["status"]) for line in lines] == [
        ("ListProjects", 200),
        ("DetectAnomalies", 200),
        ("DetectAnomalies", 400),
    ]
    assert lines[2]["error"] == "ValidationException"
    assert all(line["request"] and line["ms"] >= 0 for line in lines)
    assert "secret" not in caplog.text
    assert "AKID" not in caplog.text
