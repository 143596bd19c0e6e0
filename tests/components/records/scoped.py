"""An engine with a file of rights, notes and a graph of three patients: who may see which of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from sqlalchemy import select

from brume.aws.engine.store import Store
from brume.aws.wire.keys import Key
from brume.records.engine.access.tables import AUDIT
from brume.records.engine.tables import SCHEMA
from tests.aws.serving import KEY, client_of, serve_engine
from tests.components.records.graphs import PENDING
from tests.components.records.kendra import document, field, make_index, plain_engine, put
from tests.polling import until

LOAD = {
    "source": "s3://bucket/graph.nq",
    "format": "nquads",
    "s3BucketRegion": "us-east-1",
    "iamRoleArn": "arn:aws:iam::123456789012:role/load",
}
PATIENTS = ("p1", "p2", "p3")
# None is among the frequent ones, of which surrogates are made.
NAMES = {"p1": "Ottoline Vexley", "p2": "Thaddeus Okwuosa", "p3": "Philippa Szymborska"}
# A word, an attribute and a graph's text of each patient, which nobody else has.
WORDS = {"p1": "alpharash", "p2": "betarash", "p3": "gammarash"}
RIGHTS = {
    KEY.access_key: {"role": "full", "any": True},
    "AKIDWARD": {"role": "clinician", "patients": ["p1"], "users": ["ann"], "emergency": True},
    "AKIDTWO": {"role": "clinician", "patients": ["p1", "p3"]},
    "AKIDSTUDY": {"role": "researcher", "patients": ["p2"]},
    "AKIDALL": {"role": "researcher", "patients": "all"},
    "AKIDOFFICE": {"role": "steward"},
}
SEEN = {
    KEY.access_key: {"p1", "p2", "p3"},
    "AKIDWARD": {"p1"},
    "AKIDTWO": {"p1", "p3"},
    "AKIDSTUDY": {"p2"},
    "AKIDALL": {"p1", "p2", "p3"},
    "AKIDOFFICE": set(),
    "AKIDSTRANGER": set(),
}
KEYS = {name: Key(name, f"secret of {name}", KEY.account) for name in SEEN} | {KEY.access_key: KEY}
DEIDENTIFIED = ("AKIDSTUDY", "AKIDALL")
GRAPHS = [name for name in SEEN if name not in DEIDENTIFIED]


class Served:
    """An engine with notes and a graph of three patients, its address, index, folder and log."""

    def __init__(self, url: str, index: str, folder: Path, routes: set[str]) -> None:
        """`routes` are the names of the engine's routes."""
        self.url, self.index, self.folder, self.routes = url, index, folder, routes

    def kendra(self, key: str) -> Any:
        return client_of(self.url, "kendra", key=KEYS[key])

    def neptune(self, key: str) -> Any:
        return client_of(self.url, "neptunedata", key=KEYS[key])

    def sparql(self, key: str, *, path: str = "/sparql", **parameters: str) -> requests.Response:
        """POST a form, signed."""
        return self._signed(key, AWSRequest("POST", self.url + path, data=parameters))

    def request(self, method: str, key: str, path: str, body: bytes = b"") -> requests.Response:
        """Send a request of raw HTTP with a body of Turtle, signed."""
        headers = {"content-type": "text/turtle"}
        return self._signed(key, AWSRequest(method, self.url + path, data=body, headers=headers))

    @staticmethod
    def _signed(key: str, request: AWSRequest) -> requests.Response:
        known = Credentials(KEYS[key].access_key, KEYS[key].secret)
        SigV4Auth(known, "neptune-db", "eu-west-1").add_auth(request)
        made = request.prepare()
        return requests.request(
            made.method, made.url, data=made.body, headers=dict(made.headers), timeout=120
        )

    def audit(self) -> list[Any]:
        store = Store("", self.folder / "data", SCHEMA)
        try:
            with store.read() as db:
                return list(db.execute(select(AUDIT).order_by(AUDIT.c.number)))
        finally:
            store.close()


def note(patient: str) -> str:
    """Return the text of a patient's note."""
    return (
        f"{NAMES[patient]} is a 91 year old. Asthma with {WORDS[patient]} on 2024-03-05. "
        f"MRN 7{patient[1]}345678."
    )


@contextmanager
def serve_scoped(folder: Path) -> Iterator[Served]:
    """Serve the engine; "AKIDTEST" owns all."""
    (folder / "rights.json").write_text(json.dumps(RIGHTS))
    (folder / "bucket").mkdir()
    (folder / "bucket" / "graph.nq").write_text("".join(map(quads, PATIENTS)) + SHARED)
    with pytest.MonkeyPatch.context() as monkeypatch:
        engine = plain_engine(
            folder,
            monkeypatch,
            access=str(folder / "rights.json"),
            folders={"s3://bucket/": str(folder / "bucket")},
        )
    with serve_engine(engine, keys={key.access_key: key for key in KEYS.values()}) as url:
        owner = client_of(url, "kendra")
        index = make_index(owner, field("patient"), field("ward"), field("seen", "DATE_VALUE"))
        attributes = [
            {
                "patient": {"StringValue": patient},
                "ward": {"StringValue": f"ward {WORDS[patient]}"},
                "seen": {"DateValue": "2024-03-05T00:00:00Z"},
            }
            for patient in PATIENTS
        ]
        notes = [
            document(f"d-{patient}", note(patient), Title=f"Visit of {NAMES[patient]}", attributes=about)
            for patient, about in zip(PATIENTS, attributes, strict=True)
        ]
        put(owner, index, [*notes, document("d-none", "Asthma of nobody deltarash.")])
        made = Served(url, index, folder, {route.name for route in engine.routes})
        load(made)
        yield made


def quads(patient: str) -> str:
    """Return a patient's graph."""
    graph, node = f"<urn:brume:graph:patient:{patient}>", f"<urn:brume:document:d-{patient}>"
    return (
        f'{node} <urn:brume:records:text> "{WORDS[patient]}" {graph} .\n'
        f"{node} <urn:brume:records:patient> <urn:brume:patient:{patient}> {graph} .\n"
        f"<urn:brume:patient:{patient}> <urn:brume:records:knows> <urn:x:{WORDS[patient]}> {graph} .\n"
    )


SHARED = """<urn:code:1> <http://www.w3.org/2000/01/rdf-schema#label> "Asthma" <urn:brume:graph:concepts> .
<urn:pair:1> <urn:brume:records:patients> "20" <urn:brume:graph:derived> .
<urn:x:stray> <urn:brume:records:text> "deltarash" <http://example.org/graph/comprehend-entities> .
<urn:x:stray2> <urn:brume:records:text> "deltarash" .
"""


def load(made: Served) -> None:
    """Load the graph."""
    neptune = made.neptune(KEY.access_key)
    started = neptune.start_loader_job(**LOAD)
    identity = started["payload"]["loadId"]

    def status() -> str:
        return str(neptune.get_loader_job_status(loadId=identity)["payload"]["overallStatus"]["status"])

    until(lambda: status() not in PENDING)
    assert status() == "LOAD_COMPLETED"


def shown(text: str) -> set[str]:
    """Return the patients of whom a text shows something; "none" for what is of no patient."""
    found = {patient for patient, word in WORDS.items() if word in text}
    return found | ({"none"} if "deltarash" in text else set())
