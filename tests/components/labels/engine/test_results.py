"""Results: their pages and types, and the files at the output location."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from brume.aws.addresses import AddressError
from brume.aws.engine.catalog import Settings
from brume.labels.engine import engine
from brume.labels.engine.result_locations import Outputs
from brume.labels.model.lake import Lake
from tests.aws.lake import RESULTS, call_of, fill, finished, refused, rows, served
from tests.aws.serving import client_of


def test_results_come_in_pages_with_names_first(athena: Any) -> None:
    execution = finished(
        athena, "SELECT x, if(x % 2 = 0, '', NULL) AS y FROM UNNEST(sequence(1, 2500)) AS t(x)"
    )
    identity = execution["QueryExecutionId"]
    first = athena.get_query_results(QueryExecutionId=identity, MaxResults=2)
    assert [len(row["Data"]) for row in first["ResultSet"]["Rows"]] == [2, 2]
    assert first["ResultSet"]["Rows"][0]["Data"] == [{"VarCharValue": "x"}, {"VarCharValue": "y"}]
    second = athena.get_query_results(QueryExecutionId=identity, NextToken=first["NextToken"], MaxResults=2)
    assert second["ResultSet"]["Rows"][0]["Data"] == [{"VarCharValue": "2"}, {"VarCharValue": ""}]
    assert second["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "3"}, {}]
    everything = rows(athena, execution)
    assert len(everything) == 2501
    assert [row[0] for row in everything[1:]] == [str(number) for number in range(1, 2501)]
    with pytest.raises(ClientError, match="InvalidRequestException"):
        athena.get_query_results(QueryExecutionId=identity, NextToken="made up")


def test_types_are_athenas(athena: Any) -> None:
    execution = finished(
        athena,
        "SELECT 1, BIGINT '1', 1e0, REAL '1', DECIMAL '1.50', 'a', TRUE, DATE '2026-03-02', "
        "TIMESTAMP '2026-03-02 08:00:00', ARRAY[1], MAP(ARRAY['a'], ARRAY[1]), ROW(1), sum(1), count(*)",
    )
    info = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"][
        "ResultSetMetadata"
    ]
    types = "integer bigint double float decimal varchar boolean date timestamp array map row bigint bigint"
    assert [column["Type"] for column in info["ColumnInfo"]] == types.split()
    assert (info["ColumnInfo"][4]["Precision"], info["ColumnInfo"][4]["Scale"]) == (3, 2)


def test_the_result_is_a_csv_at_the_output_location(athena: Any, root: Path) -> None:
    execution = finished(athena, "SELECT 'a\"b' AS x, NULL AS y, '' AS z", ResultConfiguration=RESULTS)
    address = execution["ResultConfiguration"]["OutputLocation"]
    assert address == f"s3://results/out/{execution['QueryExecutionId']}.csv"
    file = root / address.removeprefix("s3://")
    assert file.read_text() == '"x","y","z"\n"a""b",,""\n'
    assert list(csv.reader(io.StringIO(file.read_text())))[1] == ['a"b', "", ""]


def test_without_an_output_location_the_engine_keeps_the_result(athena: Any) -> None:
    execution = finished(athena, "SELECT 1")
    assert execution["ManagedQueryResultsConfiguration"] == {"Enabled": True}
    assert rows(athena, execution) == [["_col0"], ["1"]]


@pytest.mark.parametrize(
    "address",
    [
        "s3://results/../lake/",
        "s3://results/a/../../data/",
        "/tmp/x/",
        "s3:///x/",
        "file:///tmp/",
        "s3://results/link/",
    ],
)
def test_results_go_nowhere_else(athena: Any, root: Path, lake: Lake, address: str) -> None:
    link = root / "results" / "link"
    if not link.exists():
        link.symlink_to(lake.uri)
    assert "OutputLocation" in refused(athena, "SELECT 1", ResultConfiguration={"OutputLocation": address})


def test_results_do_not_go_into_the_lake(root: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.LAKE, lake.uri)
    made = engine.create(Settings(root / "other", {"s3://all/": str(root)}))
    try:
        start = made.services["athena"].start_query_execution  # type: ignore[attr-defined]
        for address in ("s3://all/lake/labels/", "s3://all/lake", "s3://all/other/results/"):
            with pytest.raises(Exception, match="lies where the tables are kept"):
                start(
                    {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": address}}, call_of()
                )
    finally:
        made.close()


def test_minio_is_another_name_of_s3(tmp_path: Path) -> None:
    outputs = Outputs({}, "minio://bucket/lake", tmp_path)
    with pytest.raises(AddressError, match="lies where the tables are kept"):
        outputs.place("s3://bucket/lake/labels/")
    assert outputs.place("s3://bucket/out/") == "s3://bucket/out/"


def test_unload_writes_parquet_and_lists_the_files(athena: Any, root: Path) -> None:
    sql = (
        'UNLOAD (SELECT class, count(*) AS n, max("left") AS "left edge" FROM labels GROUP BY 1) '
        "TO 's3://results/unloaded/' WITH (format = 'PARQUET', compression = 'SNAPPY')"
    )
    execution = finished(athena, sql, ResultConfiguration=RESULTS)
    assert execution["SubstatementType"] == "UNLOAD"
    manifest = execution["Statistics"]["DataManifestLocation"]
    files = (root / manifest.removeprefix("s3://")).read_text().split()
    assert [file.rpartition("/")[0] for file in files] == ["s3://results/unloaded"]
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT * FROM read_parquet($1) ORDER BY class", [str(root / files[0].removeprefix("s3://"))]
        )
        assert [name for name, *_ in found.description] == ["class", "n", "left edge"]
        assert found.fetchall() == [("Bus", 1, None), ("Car", 1, 1.5)]
    again = finished(athena, sql, ResultConfiguration=RESULTS)
    assert again["Status"]["StateChangeReason"].startswith("HIVE_PATH_ALREADY_EXISTS")


def test_unload_by_partitions(athena: Any, root: Path) -> None:
    execution = finished(
        athena,
        "UNLOAD (SELECT \"left\", class FROM labels) TO 's3://results/by/' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['class'])",
        ResultConfiguration=RESULTS,
    )
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    assert {path.name for path in (root / "results" / "by").iterdir()} == {"class=Car", "class=Bus"}


def test_results_leave_room_on_the_disk(athena: Any, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state lies on it too. A disk that is nearly full cannot be had here: its size is made up."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=12 << 20))
    execution = finished(athena, "SELECT rpad('', 2000, 'x') FROM UNNEST(sequence(1, 2000)) AS t(x)")
    assert execution["Status"]["StateChangeReason"].startswith(
        "EXCEEDED_RESULT_LIMIT: the result is larger than 1 MB"
    )
    assert not (root / "data" / "results" / f"{execution['QueryExecutionId']}.csv").exists()
    assert finished(athena, "SELECT 1")["Status"]["State"] == "SUCCEEDED"
    unload = "UNLOAD (SELECT uuid() AS u FROM UNNEST(sequence(1, 500000)) AS t(x)) TO 's3://results/large/' "
    execution = finished(athena, unload + "WITH (format = 'PARQUET')", ResultConfiguration=RESULTS)
    assert "too large for the disk" in execution["Status"]["StateChangeReason"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=0))
    with pytest.raises(ClientError, match="The disk of the engine is full: make room"):
        athena.start_query_execution(QueryString="SELECT 1")


def test_a_result_that_cannot_be_written_says_why_and_not_where(athena: Any, root: Path) -> None:
    execution = finished(
        athena, "SELECT 1", ResultConfiguration={"OutputLocation": f"s3://results/{'a' * 300}/"}
    )
    reason = execution["Status"]["StateChangeReason"]
    assert reason == "HIVE_FILESYSTEM_ERROR: the result cannot be written: File name too long"


def test_a_lake_and_results_in_s3(s3_server: str, tmp_path: Path) -> None:
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="labelling")
    lake = Lake("s3://labelling/lake")
    fill(lake, jobs=6)
    parts = lake.snapshot().parts("labels")
    with served(tmp_path, lake, folders=False, cache=2 * parts[0].size) as url:
        athena = client_of(url, "athena")
        execution = finished(
            athena,
            "SELECT count(*) AS n FROM labels",
            ResultConfiguration={"OutputLocation": "s3://labelling/out/"},
        )
        assert rows(athena, execution) == [["n"], ["12"]]
        bucket, _, key = (
            execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
        )
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b'"n"\n"12"\n'
        for address in ("s3://labelling/lake/labels/", "s3://labelling/lake"):
            assert "where the tables are kept" in refused(
                athena, "SELECT 1", ResultConfiguration={"OutputLocation": address}
            )
        absent = finished(athena, "SELECT 1", ResultConfiguration={"OutputLocation": "s3://no-such-bucket/"})
        assert absent["Status"]["State"] == "FAILED"
        assert "s3://no-such-bucket/" in absent["Status"]["StateChangeReason"]
        # What others need pushes out the copies that nobody reads.
        rows(
            athena,
            finished(athena, "SELECT count(*) FROM annotations_batch_manifests WHERE partition_1 = 'x'"),
        )
        copies = list((tmp_path / "data" / "parts").rglob("labels/**/*.parquet"))
        assert len(copies) < len(parts)
