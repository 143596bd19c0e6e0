"""Suggestions: never a query of others before enough have asked it, and nothing that is kept names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.serving import client_of, serve_engine
from tests.components.records.kendra import allowed, document, make_index, plain_engine, put

RARE = "asthma of Jane Doe"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with serve_engine(plain_engine(tmp_path, monkeypatch)) as url:
        yield client_of(url, "kendra")


def suggested(client: Any, index: str, text: str, **members: Any) -> list[str]:
    answer = client.get_query_suggestions(IndexId=index, QueryText=text, **members)
    return [one["Value"]["Text"]["Text"] for one in answer["Suggestions"]]


def test_concepts_of_ones_documents_are_suggested(client: Any) -> None:
    index = make_index(client)
    put(
        client,
        index,
        [
            document("a", "Essential hypertension."),
            document("b", "Diabetes mellitus type 2.", AccessControlList=allowed("ann")),
        ],
    )
    assert suggested(client, index, "hyper") == ["Essential hypertension"]
    assert suggested(client, index, "diab") == []
    ann = {"AttributeSuggestionsConfig": {"UserContext": {"UserId": "ann"}}}
    assert suggested(client, index, "diab", **ann) == ["Diabetes mellitus type 2"]
    answer = client.get_query_suggestions(IndexId=index, QueryText="hyper")
    shown = answer["Suggestions"][0]["Value"]["Text"]
    (mark,) = shown["Highlights"]
    assert shown["Text"][mark["BeginOffset"] : mark["EndOffset"]] == "hyper"


def test_a_query_is_suggested_once_five_readers_have_asked_it(client: Any, tmp_path: Path) -> None:
    index = make_index(client)
    put(client, index, [document("a", "Asthma of Jane Doe.")])
    for number in (1, 1, 2, 3, 4, 4):
        client.query(IndexId=index, QueryText=RARE, UserContext={"UserId": f"user-{number}"})
    assert suggested(client, index, "asthma o") == []
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("state.db*"))
    assert b"Jane Doe" in files  # the document itself
    assert b"asthma of Jane Doe" not in files
    client.query(IndexId=index, QueryText=RARE, UserContext={"UserId": "user-5"})
    assert suggested(client, index, "asthma o") == [RARE]
    client.batch_delete_document(IndexId=index, DocumentIdList=["a"])
    put(client, index, [document("b", "Asthma.")])
    assert suggested(client, index, "asthma o") == []  # its words are in no document of the reader's


def test_no_query_and_no_name_in_the_log(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    index = make_index(client)
    put(client, index, [document("a", "Asthma of Jane Doe.", Title="Doe, Jane")])
    with caplog.at_level(0):
        client.query(IndexId=index, QueryText=RARE)
        client.retrieve(IndexId=index, QueryText=RARE)
        suggested(client, index, "Jane")
    engine = [record.getMessage() for record in caplog.records if record.name.startswith("brume")]
    assert not [line for line in engine if "Jane" in line or "Doe" in line]
