"""Hosting on a cluster: a service answers a while after it is ready; pods come back.

Doubles stand for what `brume.cluster.serving` does there; the predictor is an HTTP server here, which
answers when the test lets it. The same on a real cluster: tests/cluster/test_engine_inspection.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from brume.aws.engine.background import Background
from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.cluster import serving
from brume.cluster.resources import Resources
from brume.cluster.serving import Endpoint, Model
from brume.inspection.engine import hosting
from brume.inspection.engine.hosting import Hosting
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.tables import SCHEMA, models, projects
from tests.polling import until

MODEL = {"ProjectName": "plates", "ModelVersion": "1"}
CALL = Call("1", "000000000001", "us-east-1", "AKID", "lookoutvision", "StartModel")


class Cluster:
    """A double of the cluster, with a predictor that answers while `there` is set."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.looked = 0  # times the predictor was asked
        self.served: list[str] = []
        self.stopped: list[str] = []
        double = self

        class Predictor(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                double.looked += 1
                self.send_response(200 if double.there.is_set() else 503)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Predictor)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, model: Model, _log: Any) -> Endpoint:
        self.served.append(model.name)
        return Endpoint(f"http://127.0.0.1:{self._server.server_port}", model.name, model.name)

    def stop(self, name: str, _folder: str) -> None:
        self.stopped.append(name)

    def looks(self, count: int) -> None:
        """Wait until the predictor was asked so many times more."""
        first = self.looked
        until(lambda: self.looked >= first + count, "the engine looks whether the predictor answers")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    double = Cluster()
    monkeypatch.setenv("BRUME_COMPUTE", "cluster")
    monkeypatch.setattr(serving, "serve", double.serve)
    monkeypatch.setattr(serving, "stop", double.stop)
    monkeypatch.setattr(hosting, "_SECONDS_BETWEEN_LOOKS", 0.02)
    yield double
    double.close()


class Hosted:
    """One trained model, and what hosts it."""

    def __init__(self, data: Path) -> None:
        self.store = Store("", data, SCHEMA)
        with self.store.write() as db:
            owner = {"account": CALL.account, "region": CALL.region}
            db.execute(insert(projects).values(id="p", name="plates", created=0, versions=1, **owner))
            row = {"status": "TRAINED", "message": "", "created": 0, "attempts": 1, "url": ""}
            place = {"output_bucket": "b", "output_prefix": ""}
            db.execute(insert(models).values(project="p", version=1, **row, **place))
        self.background = Background()
        self.hosting = Hosting(self.store, Locations("s3://b/k"), self.background, Resources(), str(data))

    def row(self) -> Any:
        with self.store.read() as db:
            return db.execute(select(models)).one()

    def at(self, status: str) -> Any:
        """Wait until the model has this status, and return its row."""
        until(lambda: self.row().status == status, lambda: str(self.row()))
        return self.row()


@pytest.fixture
def hosted(cluster: Cluster, tmp_path: Path) -> Iterator[Hosted]:
    made = Hosted(tmp_path)
    yield made
    made.background.close()
    made.store.close()


def test_a_model_is_hosted_once_it_is_reached(cluster: Cluster, hosted: Hosted) -> None:
    hosted.hosting.start_model({**MODEL, "MinInferenceUnits": 1}, CALL)
    cluster.looks(3)
    assert hosted.row().status == "STARTING_HOSTING"
    cluster.there.set()
    hosted.at("HOSTED")
    assert (cluster.served, cluster.stopped) == (["inspection-p-1"], [])


def test_a_model_that_is_never_reached_is_taken_away(
    cluster: Cluster, hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "_SECONDS_TO_ANSWER", 0.2)
    hosted.hosting.start_model({**MODEL, "MinInferenceUnits": 1}, CALL)
    message = hosted.at("HOSTING_FAILED").message
    assert "the engine does not reach it at http://127.0.0.1:" in message
    assert "it answers 503. Does a network policy let the engine reach" in message
    assert cluster.stopped == ["inspection-p-1"]


def test_a_pod_that_comes_back_by_itself_is_waited_for(cluster: Cluster, hosted: Hosted) -> None:
    cluster.there.set()
    hosted.hosting.start_model({**MODEL, "MinInferenceUnits": 1}, CALL)
    row = hosted.at("HOSTED")
    cluster.there.clear()
    hosted.hosting.revive(row)
    cluster.looks(3)
    cluster.there.set()
    cluster.looks(1)
    hosted.background.close()  # returns once the wait has ended
    assert hosted.row().status == "HOSTED"
    assert len(cluster.served) == 1


def test_a_model_that_does_not_come_back_is_hosted_again(
    cluster: Cluster, hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosting, "_SECONDS_TO_COME_BACK", 0.2)
    cluster.there.set()
    hosted.hosting.start_model({**MODEL, "MinInferenceUnits": 1}, CALL)
    row = hosted.at("HOSTED")
    cluster.there.clear()
    hosted.hosting.revive(row)
    hosted.at("STARTING_HOSTING")
    cluster.there.set()
    hosted.at("HOSTED")
    assert len(cluster.served) == 2


def test_a_model_that_is_stopped_while_it_is_waited_for_is_stopped(cluster: Cluster, hosted: Hosted) -> None:
    cluster.there.set()
    hosted.hosting.start_model({**MODEL, "MinInferenceUnits": 1}, CALL)
    row = hosted.at("HOSTED")
    cluster.there.clear()
    hosted.hosting.revive(row)
    hosted.hosting.stop_model(MODEL, CALL)
    hosted.at("TRAINED")
    assert cluster.stopped == ["inspection-p-1"]
