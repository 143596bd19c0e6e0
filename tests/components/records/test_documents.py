"""Documents that are put, changed, refused and deleted, and what a restart of the engine leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.serving import client_of, serve_engine
from tests.components.records.kendra import (
    ROLE,
    document,
    field,
    found,
    make_index,
    plain_engine,
    put,
    wait,
)
from tests.polling import until


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="module")
def client(bucket: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("documents")
    with pytest.MonkeyPatch.context() as patch:
        engine = plain_engine(folder, patch, folders={"s3://notes/": str(bucket)})
    with serve_engine(engine) as url:
        yield client_of(url, "kendra")


def status(client: Any, index: str, identity: str) -> dict[str, Any]:
    asked = [{"DocumentId": identity}]
    (one,) = client.batch_get_document_status(IndexId=index, DocumentInfoList=asked)["DocumentStatusList"]
    return dict(one)


def test_a_document_is_found_changed_and_deleted(client: Any) -> None:
    index = make_index(client)
    put(client, index, [document("a", "Asthma."), document("b", "Renal dialysis.")])
    assert status(client, index, "a")["DocumentStatus"] == "INDEXED"
    put(client, index, [document("a", "Renal dialysis too.")])
    wait(client, index, ["a"], ["UPDATED"])
    assert found(client, index, "asthma") == []
    assert set(found(client, index, "kidney dialysis")) == {"a", "b"}
    assert client.describe_index(Id=index)["IndexStatistics"]["TextDocumentStatistics"] == {
        "IndexedTextDocumentsCount": 2,
        "IndexedTextBytes": 34,
    }
    assert client.batch_delete_document(IndexId=index, DocumentIdList=["a", "never"])["FailedDocuments"] == []
    wait(client, index, ["a", "never"], ["NOT_FOUND"])
    assert found(client, index, "dialysis") == ["b"]


def test_kinds_of_text_and_what_is_not_read(client: Any, bucket: Path) -> None:
    index = make_index(client)
    page = "<html><head><style>asthma{}</style></head><body><p>Renal <b>dialysis</b></p></body></html>"
    entity = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>Gout &e;</a>'
    (bucket / "in a folder.txt").write_bytes("\ufeffAsthma für immer".encode())
    client.batch_put_document(
        IndexId=index,
        Documents=[
            document("page", page, ContentType="HTML"),
            document("xml", entity, ContentType="XML"),
            document("pdf", "%PDF", ContentType="PDF"),
            document("latin", "", Blob=b"caf\xe9 and gout"),
            document("rtf", r"{\rtf1 Renal \b dialysis\b0 }", ContentType="RTF"),
            {"Id": "s3", "S3Path": {"Bucket": "notes", "Key": "in a folder.txt"}},
            {"Id": "absent", "S3Path": {"Bucket": "notes", "Key": "absent.txt"}},
            {"Id": "out", "S3Path": {"Bucket": "notes", "Key": "../documents0/concepts.tsv"}},
        ],
    )
    wait(client, index, ["page", "xml", "s3", "latin", "rtf"])
    wait(client, index, ["pdf", "absent", "out"], ["FAILED"])
    assert found(client, index, "asthma") == ["s3"]
    assert set(found(client, index, "dialysis")) == {"page", "rtf"}
    assert found(client, index, "café") == ["latin"]
    items = client.retrieve(IndexId=index, QueryText="gout")["ResultItems"]
    (text,) = (item["Content"] for item in items if item["DocumentId"] == "xml")
    assert text.strip() == "Gout\n&e;"  # the file is not read
    reasons = {one: status(client, index, one)["FailureReason"] for one in ("pdf", "absent", "out")}
    assert "PDF is not read" in reasons["pdf"]
    assert "s3://notes/absent.txt is not there" in reasons["absent"]
    assert "leads out" in reasons["out"]


def test_a_failed_update_leaves_the_earlier_text(client: Any) -> None:
    index = make_index(client)
    put(client, index, [document("a", "Asthma.")])
    client.batch_put_document(IndexId=index, Documents=[document("a", "%PDF", ContentType="PDF")])
    wait(client, index, ["a"], ["UPDATE_FAILED"])
    assert found(client, index, "asthma") == ["a"]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"attributes": {"color": {"StringValue": "red"}}}, "no attribute color: add it by UpdateIndex"),
        ({"attributes": {"ward": {"LongValue": 1}}}, "ward is of type STRING_VALUE"),
        ({"attributes": {"_data_source_id": {"StringValue": "x"}}}, "no data source x"),
        ({"AccessControlConfigurationId": "x"}, "no access control configuration x"),
        ({"Blob": b""}, None),
    ],
)
def test_one_bad_document_does_not_stop_the_others(
    client: Any, members: dict[str, Any], named: str | None
) -> None:
    index = make_index(client, field("ward"))
    documents = [document("bad", "Asthma.", **members), document("good", "Asthma.")]
    failed = client.batch_put_document(IndexId=index, Documents=documents)["FailedDocuments"]
    wait(client, index, ["good"])
    if named is None:
        assert failed == []
    else:
        (one,) = failed
        assert one["Id"] == "bad"
        assert named in one["ErrorMessage"]


def test_limits_and_what_is_not_done_are_named(client: Any) -> None:
    index = make_index(client)
    many = [document(str(number), "x") for number in range(11)]
    for documents, members, named in (
        (many, {}, "at most 10"),
        (many[:1], {"CustomDocumentEnrichmentConfiguration": {"RoleArn": ROLE}}, "CustomDocumentEnrichment"),
    ):
        with pytest.raises(ClientError, match=named):
            client.batch_put_document(IndexId=index, Documents=documents, **members)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.batch_put_document(IndexId="0" * 36, Documents=many[:1])


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"UserContextPolicy": "USER_TOKEN"}, "UserTokenConfigurations"),
        ({"ServerSideEncryptionConfiguration": {"KmsKeyId": "k"}}, "ServerSideEncryption"),
        ({"UserGroupResolutionConfiguration": {"UserGroupResolutionMode": "AWS_SSO"}}, "PutPrincipalMapping"),
    ],
)
def test_an_index_that_cannot_be_made_as_asked_is_refused(
    client: Any, members: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError, match=named):
        client.create_index(Name="notes", RoleArn=ROLE, **members)


def test_a_token_makes_one_index_and_tags_follow_it(client: Any) -> None:
    ids = {
        client.create_index(
            Name="notes", RoleArn=ROLE, ClientToken="t", Tags=[{"Key": "team", "Value": "a"}]
        )["Id"]
        for _ in range(2)
    }
    (index,) = ids
    arn = f"arn:aws:kendra:eu-west-1:123456789012:index/{index}"
    client.tag_resource(ResourceARN=arn, Tags=[{"Key": "cost", "Value": "1"}])
    client.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "cost", "Value": "1"}]
    client.delete_index(Id=index)
    until(lambda: index not in {one["Id"] for one in client.list_indices()["IndexConfigurationSummaryItems"]})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.describe_index(Id=index)


def test_attributes_keep_their_types(client: Any) -> None:
    index = make_index(client, field("ward"))
    for update, named in (
        (field("ward", "LONG_VALUE"), "cannot be changed"),
        (field("_mine"), "reserved"),
        ({**field("list", "STRING_LIST_VALUE"), "Search": {"Sortable": True}}, "Sortable"),
    ):
        with pytest.raises(ClientError, match=named):
            client.update_index(Id=index, DocumentMetadataConfigurationUpdates=[update])
    client.update_index(Id=index, Description="About", Name="renamed")
    described = client.describe_index(Id=index)
    assert (described["Name"], described["Description"]) == ("renamed", "About")
    known = {one["Name"]: one for one in described["DocumentMetadataConfigurations"]}
    assert known["ward"]["Search"]["Facetable"] is True
    assert known["_created_at"]["Type"] == "DATE_VALUE"


def test_a_restart_finds_what_was_put_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_engine(plain_engine(tmp_path, monkeypatch)) as url:
        client = client_of(url, "kendra")
        index = make_index(client, field("day", "DATE_VALUE"))
        put(client, index, [document("a", "Essential hypertension."), document("b", "Asthma.")])
        before = client.query(IndexId=index, QueryText="blood pressure", QueryResultTypeFilter="DOCUMENT")
    with serve_engine(plain_engine(tmp_path, monkeypatch)) as url:
        client = client_of(url, "kendra")
        after = client.query(IndexId=index, QueryText="blood pressure", QueryResultTypeFilter="DOCUMENT")
    for one in (*before["ResultItems"], *after["ResultItems"]):
        one.pop("Id")
    assert before["ResultItems"] == after["ResultItems"] != []
