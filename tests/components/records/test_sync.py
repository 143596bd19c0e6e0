"""Sync jobs: a bucket's documents, metadata and access lists, and documents of a source of one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.aws.client import client as aws
from tests.aws.serving import client_of, serve_engine
from tests.components.records.kendra import ROLE, document, field, found, make_index, plain_engine, wait
from tests.polling import until

BUCKET = "clinical-notes"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, s3_server: str) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        engine = plain_engine(tmp_path_factory.mktemp("sync"), patch)
    with serve_engine(engine) as url:
        yield client_of(url, "kendra")


@pytest.fixture
def bucket(s3_server: str) -> Iterator[Any]:
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    yield s3
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def make_source(client: Any, index: str, **configuration: Any) -> str:
    given = {"S3Configuration": {"BucketName": BUCKET, **configuration}}
    source = client.create_data_source(
        IndexId=index, Name="notes", Type="S3", Configuration=given, RoleArn=ROLE
    )
    return str(source["Id"])


def synced(client: Any, index: str, source: str) -> dict[str, Any]:
    """Run a sync job; returns it at its end."""
    execution = client.start_data_source_sync_job(Id=source, IndexId=index)["ExecutionId"]

    def last() -> dict[str, Any]:
        return dict(client.list_data_source_sync_jobs(Id=source, IndexId=index)["History"][0])

    assert last()["ExecutionId"] == execution
    until(lambda: last()["Status"] not in ("SYNCING", "STOPPING"))
    return last()


def metrics(job: dict[str, Any]) -> dict[str, int]:
    return {name.removeprefix("Documents"): int(value) for name, value in job["Metrics"].items()}


def test_what_is_new_changed_and_gone(client: Any, bucket: Any) -> None:
    """With a key that an event of S3 has as in/b%2520c%2B%C3%BC: it is read as it is."""
    index = make_index(client)
    for name, text in (
        ("a", "Asthma."),
        ("b%20c+ü", "Renal dialysis."),
        ("skip/me", "Asthma."),
        ("x.tmp", "Asthma."),
    ):
        bucket.put_object(Bucket=BUCKET, Key=f"in/{name}", Body=text.encode())
    bucket.put_object(Bucket=BUCKET, Key="other/a", Body=b"Asthma.")
    source = make_source(client, index, InclusionPrefixes=["in/"], ExclusionPatterns=["*.tmp", "in/skip/*"])
    job = synced(client, index, source)
    assert (job["Status"], metrics(job)["Added"]) == ("SUCCEEDED", 2)
    ids = [f"s3://{BUCKET}/in/{name}" for name in ("a", "b%20c+ü")]
    wait(client, index, ids)
    assert found(client, index, "asthma") == ids[:1]
    assert found(client, index, "dialysis") == ids[1:]
    again = synced(client, index, source)
    assert metrics(again) == {"Added": 0, "Modified": 0, "Deleted": 0, "Failed": 0, "Scanned": 2}
    bucket.put_object(Bucket=BUCKET, Key="in/a", Body=b"Gout.")
    bucket.delete_object(Bucket=BUCKET, Key="in/b%20c+ü")
    changed = synced(client, index, source)
    assert metrics(changed) == {"Added": 0, "Modified": 1, "Deleted": 1, "Failed": 0, "Scanned": 1}
    wait(client, index, ids[:1], ["UPDATED"])
    wait(client, index, ids[1:], ["NOT_FOUND"])
    assert found(client, index, "gout") == ids[:1]
    client.delete_data_source(Id=source, IndexId=index)
    wait(client, index, ids, ["NOT_FOUND"])
    until(lambda: client.list_data_sources(IndexId=index)["SummaryItems"] == [])


def test_metadata_and_access_lists_beside_documents(client: Any, bucket: Any) -> None:
    index = make_index(client, field("ward"), field("tags", "STRING_LIST_VALUE"), field("n", "LONG_VALUE"))
    metadata = {
        "DocumentId": "my-id",
        "Title": "A visit",
        "Attributes": {"ward": "renal", "tags": ["x"], "n": 3, "_created_at": "2020-05-01T10:00:00+02:00"},
        "AccessControlList": [{"Name": "ann", "Type": "USER", "Access": "ALLOW"}],
    }
    rules = [
        {
            "keyPrefix": f"s3://{BUCKET}/secret/",
            "aclEntries": [{"Name": "g", "Type": "GROUP", "Access": "ALLOW"}],
        }
    ]
    for key, body in (
        ("secret/a.txt", "Asthma of ann's."),
        ("meta/secret/a.txt.metadata.json", json.dumps(metadata)),
        ("acl.json", json.dumps(rules)),
        ("secret/b.txt", "Asthma of the group's."),
        ("open.txt", "Asthma of all."),
    ):
        bucket.put_object(Bucket=BUCKET, Key=key, Body=body.encode())
    source = make_source(
        client,
        index,
        DocumentsMetadataConfiguration={"S3Prefix": "meta/"},
        AccessControlListConfiguration={"KeyPath": "acl.json"},
    )
    assert synced(client, index, source)["Status"] == "SUCCEEDED"
    opened, of_group = f"s3://{BUCKET}/open.txt", f"s3://{BUCKET}/secret/b.txt"
    wait(client, index, ["my-id", opened, of_group])
    assert found(client, index, "asthma") == [opened]
    assert set(found(client, index, "asthma", UserContext={"UserId": "x", "Groups": ["g"]})) == {
        opened,
        of_group,
    }
    ann = {"UserId": "ann", "Groups": ["g"]}
    condition = {"EqualsTo": {"Key": "ward", "Value": {"StringValue": "renal"}}}
    (item,) = client.query(
        IndexId=index,
        QueryText="asthma",
        UserContext=ann,
        AttributeFilter=condition,
        QueryResultTypeFilter="DOCUMENT",
    )["ResultItems"]
    assert (item["DocumentId"], item["DocumentTitle"]["Text"]) == ("my-id", "A visit")
    values = {one["Key"]: one["Value"] for one in item["DocumentAttributes"]}
    assert values["n"] == {"LongValue": 3}
    assert values["_data_source_id"] == {"StringValue": source}


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        (b"{", "no JSON"),
        (b'{"Attributes": {"color": "red"}}', "no attribute color"),
        (b'{"Attributes": {"n": "three"}}', "Attributes.n is no LONG_VALUE"),
        (b'{"AccessControlList": [{"Name": "ann"}]}', "Access"),
    ],
)
def test_a_document_with_bad_metadata_fails_alone_and_nothing_is_deleted(
    client: Any, bucket: Any, metadata: bytes, named: str
) -> None:
    index = make_index(client, field("n", "LONG_VALUE"))
    for key in ("a.txt", "b.txt", "c.txt"):
        bucket.put_object(Bucket=BUCKET, Key=key, Body=b"Asthma.")
    source = make_source(client, index)
    synced(client, index, source)
    ids = [f"s3://{BUCKET}/{key}" for key in ("a.txt", "b.txt", "c.txt")]
    wait(client, index, ids)
    bucket.put_object(Bucket=BUCKET, Key="a.txt.metadata.json", Body=metadata)
    bucket.put_object(Bucket=BUCKET, Key="b.txt", Body=b"Gout.")
    bucket.delete_object(Bucket=BUCKET, Key="c.txt")
    job = synced(client, index, source)
    assert job["Status"] == "INCOMPLETE"
    assert metrics(job) == {"Added": 0, "Modified": 1, "Deleted": 0, "Failed": 1, "Scanned": 2}
    assert named in job["ErrorMessage"]
    wait(client, index, ids[1:2], ["UPDATED"])
    assert set(found(client, index, "asthma")) == {ids[0], ids[2]}


def test_a_bucket_that_cannot_be_read_fails_the_job_and_deletes_nothing(client: Any, bucket: Any) -> None:
    index = make_index(client)
    bucket.put_object(Bucket=BUCKET, Key="a.txt", Body=b"Asthma.")
    source = make_source(client, index)
    synced(client, index, source)
    wait(client, index, [f"s3://{BUCKET}/a.txt"])
    client.update_data_source(
        Id=source, IndexId=index, Configuration={"S3Configuration": {"BucketName": "not-there-at-all"}}
    )
    job = synced(client, index, source)
    assert (job["Status"], job["ErrorCode"]) == ("FAILED", "InvalidRequest")
    assert "not-there-at-all" in job["ErrorMessage"]
    assert found(client, index, "asthma") == [f"s3://{BUCKET}/a.txt"]


def test_documents_of_a_source_of_ones_own_count_for_its_job(client: Any) -> None:
    index = make_index(client)
    source = client.create_data_source(IndexId=index, Name="mine", Type="CUSTOM")["Id"]
    job = client.start_data_source_sync_job(Id=source, IndexId=index)["ExecutionId"]
    with pytest.raises(ClientError, match="ResourceInUseException"):
        client.start_data_source_sync_job(Id=source, IndexId=index)
    marks = {"_data_source_id": source, "_data_source_sync_job_execution_id": job}
    attributes = {name: {"StringValue": value} for name, value in marks.items()}
    client.batch_put_document(IndexId=index, Documents=[document("a", "Asthma.", attributes=attributes)])
    target = {"DataSourceId": source, "DataSourceSyncJobId": job}
    client.batch_delete_document(IndexId=index, DocumentIdList=["a"], DataSourceSyncJobMetricTarget=target)
    client.stop_data_source_sync_job(Id=source, IndexId=index)
    (ended,) = client.list_data_source_sync_jobs(Id=source, IndexId=index, StatusFilter="SUCCEEDED")[
        "History"
    ]
    assert metrics(ended) == {"Added": 1, "Modified": 0, "Deleted": 1, "Failed": 0, "Scanned": 0}
    failed = client.batch_put_document(
        IndexId=index, Documents=[document("b", "Asthma.", attributes=attributes)]
    )["FailedDocuments"]
    assert "that is SYNCING" in failed[0]["ErrorMessage"]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"Type": "SLACK"}, "S3 and CUSTOM"),
        ({"Type": "S3"}, "S3Configuration"),
        ({"Type": "CUSTOM", "Schedule": "cron(0 1 * * ? *)"}, "Schedule"),
    ],
)
def test_a_source_that_is_not_done_is_refused(client: Any, members: dict[str, Any], named: str) -> None:
    index = make_index(client)
    with pytest.raises(ClientError, match=named):
        client.create_data_source(IndexId=index, Name="x", **members)
