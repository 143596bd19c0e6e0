"""Clients of Kendra that know nothing of this project: LangChain, LlamaIndex, AWS's SDK for JavaScript."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.aws import environments
from tests.aws.serving import KEY, client_of, serve_engine
from tests.aws.test_sdks import installed_javascript, run
from tests.components.records.kendra import (
    ROLE,
    allowed,
    document,
    field,
    make_index,
    plain_engine,
    put,
)
from tests.polling import until

CLIENTS = Path(__file__).parent / "clients"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve the engine with three documents; yields its URL and the index."""
    with pytest.MonkeyPatch.context() as patch:
        files = tmp_path_factory.mktemp("files")
        answers = "_question,_answer,ward\nWhen are visitors let in?,From two to six.,desk\n"
        (files / "visits.csv").write_text(answers)
        engine = plain_engine(
            tmp_path_factory.mktemp("clients"), patch, folders={"s3://clinic-files/": str(files)}
        )
        with serve_engine(engine) as url:
            client = client_of(url, "kendra")
            index = make_index(client, field("ward"))
            created = {"DateValue": datetime(2020, 1, 1, tzinfo=UTC)}
            put(
                client,
                index,
                [
                    document("a", "# Plan\nRenal dialysis 😀 three times a week.", Title="Plan", attributes={
                        "ward": {"StringValue": "renal"}, "_created_at": created}),
                    document("b", "Renal dialysis was refused.", AccessControlList=allowed("ann")),
                    document("c", "Asthma.", attributes={"ward": {"StringValue": "renal"}}),
                ],
            )  # fmt: skip
            faq = client.create_faq(
                IndexId=index,
                Name="visits",
                S3Path={"Bucket": "clinic-files", "Key": "visits.csv"},
                RoleArn=ROLE,
                FileFormat="CSV_WITH_HEADER",
            )["Id"]
            until(lambda: client.describe_faq(IndexId=index, Id=faq)["Status"] == "ACTIVE")
            yield url, index


def asked(served: tuple[str, str], name: str) -> dict[str, list[tuple[str, str]]]:
    """Run a client in an environment of its own; returns ids and texts, by kind of question."""
    url, index = served
    python = environments.python(CLIENTS / f"{name}.txt")
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_KENDRA": url,
        "AWS_ACCESS_KEY_ID": KEY.access_key,
        "AWS_SECRET_ACCESS_KEY": KEY.secret,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    made = subprocess.run(
        [str(python), str(CLIENTS / f"{name.replace('-', '_')}.py")],
        input=json.dumps({"index": index, "query": "kidney dialysis", "user": "ann"}),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return {kind: [(one, text) for one, text in found] for kind, found in json.loads(made.stdout).items()}


def test_langchain(served: tuple[str, str]) -> None:
    """With langchain-ai/langchain#7782 (text of answers) and #14494 (its cut of a long query)."""
    found = asked(served, "kendra-langchain")
    assert {identity for identity, _ in found["usual"]} == {"a", "b"}
    assert "Renal dialysis 😀 three times a week." in dict(found["usual"])["a"]
    assert [identity for identity, _ in found["filtered"]] == ["a"]
    assert {identity for identity, _ in found["sure"]} == {"a", "b"}
    assert {identity for identity, _ in found["long"]} == {"a", "b"}
    ((_, answer),) = found["answered"]
    assert "From two to six." in answer


def test_llamaindex(served: tuple[str, str]) -> None:
    found = asked(served, "kendra-llamaindex")["usual"]
    assert {identity for identity, _ in found} == {"a", "b"}
    assert "Renal dialysis 😀 three times a week." in dict(found)["a"]


def test_javascript(served: tuple[str, str]) -> None:
    url, index = served
    folder = installed_javascript()
    question = {"IndexId": index, "QueryText": "kidney dialysis", "UserContext": {"UserId": "ann"}}
    requests = [
        {"service": "kendra", "operation": name, "parameters": parameters}
        for name, parameters in (
            ("Query", {**question, "Facets": [{"DocumentAttributeKey": "ward"}]}),
            ("Query", {**question, "RequestedDocumentAttributes": ["_created_at"]}),
            ("Retrieve", question),
            ("DescribeIndex", {"Id": index}),
            ("ListExperiences", {"IndexId": index}),
        )
    ]
    answers = run(folder, "node", "main.mjs", call="send", endpoint=url, requests=requests)
    query, dated, passages, described = (one["output"] for one in answers[:4])
    documents = [item for item in query["ResultItems"] if item["Type"] == "DOCUMENT"]
    assert {item["DocumentId"] for item in documents} == {"a", "b"}
    assert query["FacetResults"][0]["DocumentAttributeValueCountPairs"][0]["Count"] == 1
    shown = {item["DocumentId"]: item["DocumentAttributes"] for item in dated["ResultItems"]}
    assert shown["a"][0]["Value"]["DateValue"] == {"$time": datetime(2020, 1, 1, tzinfo=UTC).timestamp()}
    assert {item["DocumentId"] for item in passages["ResultItems"]} == {"a", "b"}
    assert described["Status"] == "ACTIVE"
    assert "not hosted" in answers[4]["message"]
    assert answers[4]["status"] == 501
