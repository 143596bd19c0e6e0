"""What the tests of Kendra share: an engine without weights, an index, documents that are found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine.catalog import Settings
from brume.aws.engine.service import Engine
from brume.records.engine import engine
from tests.polling import until

ROLE = "arn:aws:iam::123456789012:role/kendra"
CONCEPTS = """system\tcode\tdisplay
http://snomed.info/sct\t59621000\tEssential hypertension (disorder)
http://snomed.info/sct\t44054006\tDiabetes mellitus type 2 (disorder)
http://snomed.info/sct\t265764009\tRenal dialysis (procedure)
http://snomed.info/sct\t195967001\tAsthma
http://www.nlm.nih.gov/research/umls/rxnorm\t314076\tlisinopril 10 MG Oral Tablet\tZestril
"""


def plain_engine(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    access: str = "",
    folders: Mapping[str, str] | None = None,
    embeddings: str = "none",
    mentions: str = "none",
    database: str = "",
) -> Engine:
    """Return the engine with the concepts above, without embeddings and extractor: nothing is installed.

    With `mentions` local it has the extractor, and not these concepts.
    """
    folder.mkdir(exist_ok=True)
    (folder / "concepts.tsv").write_text(CONCEPTS)
    monkeypatch.setenv("BRUME_RECORDS_EMBEDDINGS", embeddings)
    monkeypatch.setenv("BRUME_RECORDS_MENTIONS", mentions)
    concepts = str(folder / "concepts.tsv") if mentions == "none" else ""
    monkeypatch.setenv("BRUME_RECORDS_CONCEPTS", concepts)
    monkeypatch.setenv("BRUME_RECORDS_ACCESS", access)
    return engine.create(Settings(folder / "data", folders or {}, database))


def make_index(client: Any, *fields: Mapping[str, Any]) -> str:
    """Make an index with attributes of its own; returns its id once it is ACTIVE."""
    index = client.create_index(Name="notes", RoleArn=ROLE)["Id"]
    until(lambda: client.describe_index(Id=index)["Status"] == "ACTIVE")
    if fields:
        client.update_index(Id=index, DocumentMetadataConfigurationUpdates=list(fields))
    return str(index)


def field(name: str, kind: str = "STRING_VALUE", **relevance: Any) -> dict[str, Any]:
    """Return an attribute that may be used for everything."""
    search = {"Facetable": True, "Displayable": True, "Sortable": kind != "STRING_LIST_VALUE"}
    return {"Name": name, "Type": kind, "Search": search, "Relevance": relevance}


def document(identity: str, text: str, **members: Any) -> dict[str, Any]:
    """Return a document of plain text; attributes are given as {name: value member and value}."""
    attributes = [{"Key": key, "Value": value} for key, value in members.pop("attributes", {}).items()]
    return {
        "Id": identity,
        "Blob": text.encode(),
        "ContentType": "PLAIN_TEXT",
        "Attributes": attributes,
        **members,
    }


def put(client: Any, index: str, documents: Sequence[Mapping[str, Any]]) -> None:
    """Put documents and wait until each is found."""
    for start in range(0, len(documents), 10):
        part = documents[start : start + 10]
        assert client.batch_put_document(IndexId=index, Documents=list(part))["FailedDocuments"] == []
        wait(client, index, [one["Id"] for one in part])


def wait(
    client: Any, index: str, identities: Sequence[str], among: Sequence[str] = ("INDEXED", "UPDATED")
) -> None:
    """Wait until documents have one of these states."""
    asked = [{"DocumentId": identity} for identity in identities]

    def states() -> list[str]:
        answer = client.batch_get_document_status(IndexId=index, DocumentInfoList=asked)
        return [one["DocumentStatus"] for one in answer["DocumentStatusList"]]

    until(lambda: set(states()) <= set(among), lambda: states())


def found(client: Any, index: str, text: str, **members: Any) -> list[str]:
    """Return the ids of the documents that Query finds, in its order."""
    answer = client.query(IndexId=index, QueryText=text, QueryResultTypeFilter="DOCUMENT", **members)
    return [item["DocumentId"] for item in answer["ResultItems"]]


def allowed(*names: str, group: bool = False) -> list[dict[str, str]]:
    """Return a list of access that lets these in."""
    kind = "GROUP" if group else "USER"
    return [{"Name": name, "Type": kind, "Access": "ALLOW"} for name in names]
