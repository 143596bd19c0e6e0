"""Athena finds exactly the lake's present rows through Glue's catalog: moto's Glue and S3 over HTTP.

moto answers all partitions in one page; that all pages are read is left to botocore's paginator.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume import storage
from brume.aws.client import client
from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES, frames_type
from brume.labels.pipeline import worker_tables
from brume.labels.pipeline.publish import glue, hive_types
from tests.components.labels.lakes import answer, frame, put

NOTHING = asdict(glue.Summary(left_out=[]))


@pytest.fixture
def catalog(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the name of a database that is not there yet."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    client("s3").create_bucket(Bucket="labels-glue")
    yield request.node.name.replace("_", "-")


@pytest.fixture
def lake(catalog: str) -> Lake:
    return Lake(f"s3://labels-glue/{catalog}/lake")


def manifest(job: str, *, modality: str = "VideoObjectTracking", item: int = 0) -> dict[str, Any]:
    return {"source-ref": "s3://in/1", "item": item, "partition_0": modality, "partition_1": job}


def table(database: str, name: str) -> dict[str, Any]:
    return dict(client("glue").get_table(DatabaseName=database, Name=name)["Table"])


def partitions(database: str, name: str) -> dict[tuple[str, ...], dict[str, Any]]:
    found = client("glue").get_partitions(DatabaseName=database, TableName=name)["Partitions"]
    return {tuple(partition["Values"]): partition for partition in found}


def read(database: str, name: str) -> list[dict[str, Any]]:
    """Read a table as Athena does: the files that the file at each location names."""
    about = table(database, name)
    places = [partition["StorageDescriptor"] for partition in partitions(database, name).values()]
    rows: list[dict[str, Any]] = []
    for place in places if about["PartitionKeys"] else [about["StorageDescriptor"]]:
        assert place["InputFormat"].endswith("SymlinkTextInputFormat")
        [pointer] = storage.list_files(place["Location"])
        for part in storage.read_bytes(pointer.uri).decode().split():
            rows += pq.read_table(io.BytesIO(storage.read_bytes(part))).to_pylist()
    return rows


def test_every_table_stands_in_the_catalog_and_points_at_the_lakes_rows(lake: Lake, catalog: str) -> None:
    put(
        lake,
        answers=[answer("u1"), answer("u2", "2024-03-01T10:30:00", item=1)],
        output_manifest=[
            manifest("cars"),
            manifest("boats/1 ü"),
            manifest("cars", modality="VideoObjectTrackingAudit"),
        ],
    )
    worker_tables.join(lake, "")
    done = glue.publish(lake, catalog)
    names = {item["Name"] for item in client("glue").get_tables(DatabaseName=catalog)["TableList"]}
    views = {"output_manifest_videoobjecttracking", "output_manifest_videoobjecttrackingaudit"}
    assert names == {*TABLES, *views}
    assert done.tables_created == len(names) and done.left_out == []

    metrics = table(catalog, worker_tables.METRICS)
    assert [key["Name"] for key in metrics["PartitionKeys"]] == ["year", "month", "date", "hour"]
    columns = {column["Name"]: column["Type"] for column in metrics["StorageDescriptor"]["Columns"]}
    assert not columns.keys() & {"year", "month", "date", "hour"}
    assert columns["submissiontime"] == "timestamp" and columns["timespentinseconds"] == "double"
    assert columns["answercontent"] == (
        "array<struct<trackingannotations:struct<framedata:struct<entries:array<struct<"
        "frame-no:string,frame:string,frame-attributes:struct<quality:string>,annotations:array<struct<"
        "height:double,width:double,top:double,left:double,class-id:string,object-id:string,object-name:string,"
        "vertices:array<struct<x:double,y:double,z:double>>,"
        "label-category-attributes:struct<vehicle_type:string>>>>>>>>>"
    )
    assert set(partitions(catalog, worker_tables.METRICS)) == {
        ("2024", "03", "01", "09"),
        ("2024", "03", "01", "10"),
    }
    assert sorted(row["user_name"] for row in read(catalog, worker_tables.METRICS)) == ["u1", "u2"]
    assert sorted(row["worker"] for row in read(catalog, "workers")) == ["u1", "u2"]
    assert len(read(catalog, "output_manifest")) == 3
    assert len(read(catalog, "output_manifest_videoobjecttrackingaudit")) == 1
    assert set(partitions(catalog, "output_manifest_videoobjecttracking")) == {
        ("VideoObjectTracking", "cars"),
        ("VideoObjectTracking", "boats/1 ü"),
    }
    assert read(catalog, "findings") == [] and read(catalog, "labels") == []


def test_a_second_time_nothing_changes(lake: Lake, catalog: str) -> None:
    put(lake, answers=[answer("u1")], output_manifest=[manifest("cars")])
    glue.publish(lake, catalog)
    before = {entry.uri: entry.version for entry in storage.list_files(lake.uri)}
    assert asdict(glue.publish(lake, catalog)) == NOTHING
    assert {entry.uri: entry.version for entry in storage.list_files(lake.uri)} == before


def test_replaced_parts_are_pointed_at_alone_and_gone_partitions_vanish(lake: Lake, catalog: str) -> None:
    put(lake, answers=[answer("u1"), answer("u2", job="boats")], output_manifest=[manifest("cars")])
    worker_tables.join(lake, "")
    glue.publish(lake, catalog)
    # u1 answers again, boats is taken back, and so is the only manifest.
    put(lake, answers=[answer("u1", seconds=5.0)], output_manifest=[])
    worker_tables.join(lake, "")
    done = glue.publish(lake, catalog)
    assert [row["seconds"] for row in read(catalog, "answers")] == [5.0]
    assert [row["user_name"] for row in read(catalog, worker_tables.METRICS)] == ["u1"]
    assert set(partitions(catalog, "answers")) == {("VideoObjectTracking", "cars")}
    assert done.partitions_deleted == 2 and done.partitions_created == 0
    assert done.tables_deleted == 1
    pointers = [entry.uri for entry in storage.list_files(f"{lake.uri}/_brume/symlinks")]
    assert not [uri for uri in pointers if "boats" in uri or "output_manifest_" in uri]


def test_a_new_attribute_appears_in_the_table_and_its_partitions(lake: Lake, catalog: str) -> None:
    first = answer("u1")
    put(lake, answers=[first])
    glue.publish(lake, catalog)
    foggy = frame(0, {"vehicle_type": "van", "Parked": "no", "parked": "yes", "a:b": "1"}, Fog="thick")
    put(lake, answers=[first, answer("u2", job="boats", entries=[foggy])])
    done = glue.publish(lake, catalog)
    assert (done.tables_updated, done.partitions_created, done.partitions_updated) == (1, 1, 1)
    # Athena knows lower case alone, and would stumble over a colon.
    assert [path.rsplit(".", 1)[1] for path in done.left_out] == ["a:b", "parked"]
    for place in [table(catalog, "answers"), *partitions(catalog, "answers").values()]:
        kinds = {column["Name"]: column["Type"] for column in place["StorageDescriptor"]["Columns"]}
        assert "frame-attributes:struct<fog:string,quality:string>" in kinds["entries"]
        assert "label-category-attributes:struct<parked:string,vehicle_type:string>" in kinds["entries"]
    assert asdict(glue.publish(lake, catalog)) == NOTHING | {"left_out": done.left_out}


def test_more_partitions_than_a_request_takes(
    lake: Lake, catalog: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(glue, "_CREATED", 4)
    monkeypatch.setattr(glue, "_DELETED", 3)
    put(lake, output_manifest=[manifest(f"job-{n}") for n in range(9)])
    assert glue.publish(lake, catalog).partitions_created == 18
    assert len(partitions(catalog, "output_manifest")) == 9
    put(lake, output_manifest=[manifest("job-7", item=1)])
    done = glue.publish(lake, catalog)
    assert (done.partitions_updated, done.partitions_deleted) == (2, 16)
    assert [row["item"] for row in read(catalog, "output_manifest")] == [1]


def test_tables_of_others_are_never_touched(lake: Lake, catalog: str) -> None:
    ask = client("glue")
    ask.create_database(DatabaseInput={"Name": catalog})
    for name in ("answers", "invoices"):
        ask.create_table(DatabaseName=catalog, TableInput={"Name": name, "Description": "another team's"})
    put(lake, answers=[answer("u1")])
    with pytest.raises(glue.GlueError, match=r"tables that are not of s3://.*: answers; .*another database"):
        glue.publish(lake, catalog)
    ask.delete_table(DatabaseName=catalog, Name="answers")
    glue.publish(lake, catalog)
    assert table(catalog, "invoices")["Description"] == "another team's"
    other = Lake("s3://labels-glue/another-lake")
    with pytest.raises(glue.GlueError, match="not of s3://labels-glue/another-lake"):
        glue.publish(other, catalog)


def test_a_lake_that_is_not_in_s3_says_where_it_must_be() -> None:
    with pytest.raises(glue.GlueError, match="lake=s3://BUCKET/FOLDER"):
        glue.publish(Lake("/tmp/lake"))


@given(st.sets(st.text(min_size=1), max_size=6), st.sets(st.text(min_size=1), max_size=6))
def test_whatever_attributes_are_called_the_type_can_be_read(
    on_frames: set[str], on_labels: set[str]
) -> None:
    left_out: set[str] = set()
    kind = frames_type(sorted(on_frames), sorted(on_labels))
    [column] = hive_types.columns([pa.field("x", kind)], left_out)
    fields = _parsed(column["Type"])
    assert json.dumps(fields) == json.dumps(fields).lower()
    held = sum(len(names) for names in _attributes(fields))
    assert held + len(left_out) == len(on_frames) + len(on_labels)


def _attributes(fields: Any) -> list[list[str]]:
    [frames] = [fields["array"]["struct"]]
    label = frames["annotations"]["array"]["struct"]
    found = [frames.get("frame-attributes"), label.get("label-category-attributes")]
    return [list(held["struct"]) for held in found if held]


def _parsed(text: str) -> Any:
    """Parse a Hive type by its grammar: NAME, array<TYPE>, struct<NAME:TYPE,...>."""
    kind, rest = _type(text)
    assert rest == ""
    return kind


def _type(text: str) -> tuple[Any, str]:
    if text.startswith("array<"):
        inner, rest = _type(text[6:])
        assert rest[0] == ">"
        return {"array": inner}, rest[1:]
    if text.startswith("struct<"):
        fields: dict[str, Any] = {}
        rest = "," + text[7:]
        while rest[0] == ",":
            name, _, rest = rest[1:].partition(":")
            assert name and not set(name) & set("<>,:") and name not in fields
            fields[name], rest = _type(rest)
        assert rest[0] == ">"
        return {"struct": fields}, rest[1:]
    word = next(word for word in ("string", "double") if text.startswith(word))
    return word, text.removeprefix(word)
