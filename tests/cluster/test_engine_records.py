"""The records engine on a real cluster: search, graph and resources in a restricted pod."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.aws.serving import client_of
from tests.cluster.engines import Deployed, overlay
from tests.cluster.harness.installed import STEP, Installed
from tests.components.records.kendra import document, found, make_index, put, wait
from tests.polling import until

NOTES = {
    "kidney": "The patient comes in for renal dialysis three times a week.",
    "pressure": "Essential hypertension, on lisinopril 10 mg daily.",
    "wrist": "A fall on the ice. Fracture of the left forearm, no other injury.",
}
# What runs a query takes the network from itself first; a pod's own filter of system calls lets it.
ISOLATED = """
import socket
from brume.records.model.graph.isolation import leave_network
assert leave_network()
try:
    socket.socket()
except PermissionError:
    print("isolated")
"""


@pytest.fixture(scope="module")
def engine(brume: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    about = {"name": "brume-records-access", "namespace": brume.namespace}
    rights = {"access.json": json.dumps({brume.store.key: {"any": True}})}
    brume.api.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": rights}])
    with overlay(brume, tmp_path_factory.mktemp("records"), "records"):
        yield Deployed(brume, "brume-records", "kendra")


def sparql(url: str, engine: Deployed, **form: str) -> Any:
    """Send a SPARQL request, signed as clients of Neptune sign it; returns what it answers."""
    request = AWSRequest("POST", f"{url}/sparql", data=form)
    SigV4Auth(Credentials(engine.key.access_key, engine.key.secret), "neptune-db", "us-east-1").add_auth(
        request
    )
    prepared = request.prepare()
    answer = requests.post(prepared.url, data=prepared.body, headers=dict(prepared.headers), timeout=120)
    return answer.status_code, answer.json()


def test_what_the_engine_knows_outlives_its_pod(engine: Deployed) -> None:
    subject = f"urn:test:{secrets.token_hex(4)}"
    question = f"ASK {{ <{subject}> <urn:test:is> 1 }}"
    with engine.outside() as client:
        index = make_index(client)
        put(client, index, [document(name, text) for name, text in NOTES.items()])
        assert found(client, index, "cleaning of the blood because the kidneys fail")[0] == "kidney"
        assert found(client, index, "broken lower arm")[0] == "wrist"
        url = client.meta.endpoint_url
        assert sparql(url, engine, update=f"INSERT DATA {{ <{subject}> <urn:test:is> 1 }}")[0] == 200
        assert sparql(url, engine, query=question)[1]["boolean"] is True
    engine.replace_pod()
    with engine.outside() as client:
        assert found(client, index, "cleaning of the blood because the kidneys fail")[0] == "kidney"
        assert sparql(client.meta.endpoint_url, engine, query=question)[1]["boolean"] is True
        client.batch_delete_document(IndexId=index, DocumentIdList=["kidney"])
        wait(client, index, ["kidney"], ["NOT_FOUND"])
        client.delete_index(Id=index)


def test_queries_reach_nothing_but_the_graph(brume: Installed, engine: Deployed) -> None:
    with brume.forwarded("service/brume-records", 8080) as url:
        status, answer = sparql(url, engine, query="SELECT * { SERVICE <http://kubernetes> { ?s ?p ?o } }")
    assert status == 403 and "SERVICE" in answer["detailedMessage"]
    assert engine.inside(ISOLATED) == "isolated"


def test_a_step_and_nobody_else_reaches_it(brume: Installed, engine: Deployed) -> None:
    until(lambda: engine.reached(STEP), "a way from a step to the engine")
    assert not engine.reached({"app": "somebody-elses"})
    with brume.forwarded("service/brume-records", 8080) as url:
        entities = client_of(url, "comprehendmedical", key=engine.key)
        answer = entities.infer_icd10_cm(Text="She has asthma.")
    assert answer["Entities"][0]["ICD10CMConcepts"][0]["Code"].startswith("J45")
