"""Athena's API over the lake, as programs meet it: today's boto3 over HTTP, with signatures."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ClientError

from brume.aws.addresses import AddressError
from brume.aws.engine import catalog
from brume.aws.engine.catalog import EngineError, Settings
from brume.aws.engine.paging import Pager
from brume.aws.wire import keys
from brume.labels.engine import engine
from brume.labels.engine.result_locations import Outputs
from brume.labels.model import queries
from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from tests.aws.lake import ended, fill, finished, rows, served
from tests.aws.serving import KEY, OTHER, client_of
from tests.components.labels.lakes import put
from tests.pipelines.runs import BRUME
from tests.polling import until

ENDLESS = "SELECT sum(x * y) FROM UNNEST(sequence(1, 1000000)) t(x), UNNEST(sequence(1, 1000000)) u(y)"
RESULTS = {"OutputLocation": "s3://results/out/"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("athena")


@pytest.fixture(scope="module")
def lake(root: Path) -> Lake:
    made = Lake(str(root / "lake"))
    fill(made)
    return made


@pytest.fixture(scope="module")
def url(root: Path, lake: Lake) -> Iterator[str]:
    with (
        pytest.MonkeyPatch.context() as patch,
        served(root, lake, patch, seconds=3, rows=5000, queue=2) as address,
    ):
        yield address


@pytest.fixture(scope="module")
def athena(url: str) -> Any:
    return client_of(url, "athena")


def refused(athena: Any, sql: str, **more: Any) -> str:
    with pytest.raises(ClientError) as caught:
        athena.start_query_execution(QueryString=sql, **more)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
    return str(caught.value.response["Error"]["Message"])


# The queries of the original.


def test_the_workers_query_runs_as_it_stands(athena: Any) -> None:
    names, *found = rows(athena, finished(athena, queries.named()["original_worker_tasks"].sql))
    row = dict(zip(names, found[0], strict=True))
    assert len(found) == 1
    assert (row["user_name"], row["submissiontime"], row["tasks"]) == ("Ann", "2026-03-02 08:00:00.000", "2")
    assert str(row["ans"]).startswith("{trackingannotations={framedata={entries=[{frame-no=0, frame=0.jpg, ")


def test_the_labels_query_runs_as_it_stands_and_says_what_was_mended(athena: Any) -> None:
    told = finished(athena, queries.named()["original_labels"].sql)
    assert "line 1:48" in told["Status"]["StateChangeReason"]
    names, *found = rows(athena, told)
    assert names[:-1] == [
        "job_name",
        "height",
        "width",
        "left",
        "moving",
        "vehicle_type",
        "audit",
        "object-name",
    ]
    assert found[0][:-1] == ["cars-0", "10.0", "20.0", "2.0", "yes", "Car", "accept", "Vehicle:1"]
    assert found[1][:-1] == ["cars-0", "10.0", "20.0", "3.0", "no", 'Bus, "long"', "reject", "Vehicle:2"]


def test_the_frames_query_runs_as_it_stands(athena: Any) -> None:
    told = finished(athena, queries.named()["original_frames"].sql)
    assert "StateChangeReason" not in told["Status"]
    names, *found = rows(athena, told)
    row = dict(zip(names, found[0], strict=True))
    assert len(found) == 1  # the frame without labels is left out
    assert (row["number_of_vehicles"], row["quality_of_the_frame"], row["num_labels"]) == ("2", "good", "2")


def test_they_are_named_queries_that_every_account_starts_with(url: str, athena: Any) -> None:
    """Those of the original read tables that did not exist."""
    for client in (athena, client_of(url, "athena", key=OTHER)):
        ids = client.list_named_queries()["NamedQueryIds"]
        told = client.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
        assert {one["Name"] for one in told} == {
            "original_worker_tasks",
            "original_labels",
            "original_frames",
        }
        for one in told:
            assert (one["WorkGroup"], one["Database"]) == ("primary", DATABASE)
            assert finished(client, one["QueryString"])["Status"]["State"] == "SUCCEEDED"


# Results.


def test_results_come_in_pages_with_names_first(athena: Any) -> None:
    told = finished(athena, "SELECT x, if(x % 2 = 0, '', NULL) AS y FROM UNNEST(sequence(1, 2500)) AS t(x)")
    identity = told["QueryExecutionId"]
    first = athena.get_query_results(QueryExecutionId=identity, MaxResults=2)
    assert [len(row["Data"]) for row in first["ResultSet"]["Rows"]] == [2, 2]
    assert first["ResultSet"]["Rows"][0]["Data"] == [{"VarCharValue": "x"}, {"VarCharValue": "y"}]
    second = athena.get_query_results(QueryExecutionId=identity, NextToken=first["NextToken"], MaxResults=2)
    assert second["ResultSet"]["Rows"][0]["Data"] == [{"VarCharValue": "2"}, {"VarCharValue": ""}]
    assert second["ResultSet"]["Rows"][1]["Data"] == [{"VarCharValue": "3"}, {}]
    everything = rows(athena, told)
    assert len(everything) == 2501
    assert [row[0] for row in everything[1:]] == [str(number) for number in range(1, 2501)]
    with pytest.raises(ClientError, match="InvalidRequestException"):
        athena.get_query_results(QueryExecutionId=identity, NextToken="made up")


def test_types_are_athenas(athena: Any) -> None:
    told = finished(
        athena,
        "SELECT 1, BIGINT '1', 1e0, REAL '1', DECIMAL '1.50', 'a', TRUE, DATE '2026-03-02', "
        "TIMESTAMP '2026-03-02 08:00:00', ARRAY[1], MAP(ARRAY['a'], ARRAY[1]), ROW(1), sum(1), count(*)",
    )
    info = athena.get_query_results(QueryExecutionId=told["QueryExecutionId"])["ResultSet"][
        "ResultSetMetadata"
    ]
    types = "integer bigint double float decimal varchar boolean date timestamp array map row bigint bigint"
    assert [column["Type"] for column in info["ColumnInfo"]] == types.split()
    assert (info["ColumnInfo"][4]["Precision"], info["ColumnInfo"][4]["Scale"]) == (3, 2)


def test_the_result_is_a_csv_at_the_output_location(athena: Any, root: Path) -> None:
    told = finished(athena, "SELECT 'a\"b' AS x, NULL AS y, '' AS z", ResultConfiguration=RESULTS)
    address = told["ResultConfiguration"]["OutputLocation"]
    assert address == f"s3://results/out/{told['QueryExecutionId']}.csv"
    file = root / address.removeprefix("s3://")
    assert file.read_text() == '"x","y","z"\n"a""b",,""\n'
    assert list(csv.reader(io.StringIO(file.read_text())))[1] == ['a"b', "", ""]


def test_without_an_output_location_the_engine_keeps_the_result(athena: Any) -> None:
    told = finished(athena, "SELECT 1")
    assert told["ManagedQueryResultsConfiguration"] == {"Enabled": True}
    assert rows(athena, told) == [["_col0"], ["1"]]


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
                    {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": address}}, _call()
                )
    finally:
        made.close()


def test_minio_is_another_name_of_s3(tmp_path: Path) -> None:
    outputs = Outputs({}, "minio://bucket/lake", tmp_path)
    with pytest.raises(AddressError, match="lies where the tables are kept"):
        outputs.place("s3://bucket/lake/labels/")
    assert outputs.place("s3://bucket/out/") == "s3://bucket/out/"


def _call() -> Any:
    from brume.aws.engine.service import Call

    return Call("1", "123456789012", "eu-west-1", "AKID", "athena", "StartQueryExecution")


def test_unload_writes_parquet_and_lists_the_files(athena: Any, root: Path) -> None:
    sql = (
        'UNLOAD (SELECT class, count(*) AS n, max("left") AS "left edge" FROM labels GROUP BY 1) '
        "TO 's3://results/unloaded/' WITH (format = 'PARQUET', compression = 'SNAPPY')"
    )
    told = finished(athena, sql, ResultConfiguration=RESULTS)
    assert told["SubstatementType"] == "UNLOAD"
    manifest = told["Statistics"]["DataManifestLocation"]
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
    told = finished(
        athena,
        "UNLOAD (SELECT \"left\", class FROM labels) TO 's3://results/by/' "
        "WITH (format = 'PARQUET', partitioned_by = ARRAY['class'])",
        ResultConfiguration=RESULTS,
    )
    assert told["Status"]["State"] == "SUCCEEDED", told["Status"]
    assert {path.name for path in (root / "results" / "by").iterdir()} == {"class=Car", "class=Bus"}


# Executions.


def test_an_execution_is_told_of(athena: Any) -> None:
    told = finished(athena, "SELECT count(*) FROM labels", WorkGroup="primary")
    assert told["Query"] == "SELECT count(*) FROM labels"
    assert (told["StatementType"], told["SubstatementType"], told["WorkGroup"]) == (
        "DML",
        "SELECT",
        "primary",
    )
    assert told["QueryExecutionContext"] == {"Database": DATABASE}
    assert told["Statistics"]["DataScannedInBytes"] > 0
    assert told["Status"]["CompletionDateTime"] >= told["Status"]["SubmissionDateTime"]
    statistics = athena.get_query_runtime_statistics(QueryExecutionId=told["QueryExecutionId"])
    assert statistics["QueryRuntimeStatistics"]["Rows"]["OutputRows"] == 1


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT clazz FROM labels", 'COLUMN_NOT_FOUND: line 1:8: Referenced column "clazz"'),
        (
            "SELECT *\nFROM labelz",
            "TABLE_NOT_FOUND: line 2:6: Table 'awsdatacatalog.smgt-gluedatabase.labelz' does not",
        ),
        ("SELECT frob(1)", "FUNCTION_NOT_FOUND: the function frob"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT"),
        ("SELECT 'a' + 1", "TYPE_MISMATCH"),
        ("SELECT * FROM other.labels", "TABLE_NOT_FOUND"),
        (
            "SELECT x FROM UNNEST(sequence(1, 6000)) AS t(x)",
            "EXCEEDED_RESULT_LIMIT: the result has more than 5,000",
        ),
        (
            "SELECT * FROM read_csv('/etc/passwd')",
            "FUNCTION_NOT_FOUND: the table function read_csv is not available here: queries read the tables",
        ),
        ("SELECT * FROM generate_series(1, 3)", "FUNCTION_NOT_FOUND: the table function generate_series is"),
        ('SELECT 1 FROM labels WHERE class = "Car"', "COLUMN_NOT_FOUND: line 1:37: Referenced column"),
        ("SELECT a.class FROM labels", 'COLUMN_NOT_FOUND: line 1:8: Referenced table "a" not found'),
    ],
)
def test_a_query_that_cannot_work_fails_and_says_why(athena: Any, sql: str, reason: str) -> None:
    told = finished(athena, sql)
    assert told["Status"]["State"] == "FAILED"
    assert told["Status"]["StateChangeReason"].startswith(reason)
    assert told["Status"]["AthenaError"]["ErrorCategory"] == 2
    with pytest.raises(ClientError, match="did not finish successfully"):
        athena.get_query_results(QueryExecutionId=told["QueryExecutionId"])


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("DROP TABLE labels", "line 1:1: DROP is not supported"),
        ("CREATE TABLE x AS SELECT 1", "CREATE is not supported"),
        ("SELECT 1; SELECT 2", "line 1:9: a second statement follows"),
        ("SELECT a b c", "line 1:12"),
        ("SELECT FROM labels", "line 1:1: a SELECT names nothing"),
        ("SELECT 1 FROM labels WHERE class = \u2018Car\u2019", "line 1:36: \u2018 is a typographic quote"),
        ("SELECT class\nFROM labels WHERE class = 'Car", "line 2:27: what begins here with ' is not closed"),
        ("SELECT 'it''s' /* and", "line 1:16: what begins here with /* is not closed"),
        ("SELECT * FROM `labels`", 'names are quoted with double quotes: "labels"'),
        ("SELECT * FROM smgt-gluedatabase.labels", "a name with a hyphen stands in double quotes"),
        ("SELECT * FROM labels WHERE", "line 1:22: something is missing near 'WHERE'"),
        ("SELECT * FROM", "line 1:10: Expected table name near 'FROM'"),
        ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "nested too deeply"),
        ("EXECUTE a, b", "EXECUTE is written EXECUTE NAME USING"),
        ("SELECT count(*,,1) FROM labels", "line 1:15: nothing follows this comma"),
        ("SELECT ?", "1 parameters (?) and 0 execution parameters came"),
        ("UNLOAD (SELECT 1 AS x) TO 's3://results/u/'", "UNLOAD writes Parquet here"),
        ("UNLOAD (SELECT 1 AS x) TO 's3://results/u/' WITH (format = 'PARQUET')", "give one, or set it"),
    ],
)
def test_what_is_no_query_is_refused_at_once(athena: Any, sql: str, reason: str) -> None:
    assert reason in refused(athena, sql)


def test_no_text_holds_up_the_engine(athena: Any) -> None:
    """Each of these took minutes, years even, in which nobody else was answered."""
    names = {"CatalogName": "AwsDataCatalog", "DatabaseName": DATABASE}
    assert athena.list_table_metadata(**names, Expression="*" * 250 + "zz")["TableMetadataList"] == []
    assert rows(athena, finished(athena, f"SHOW TABLES '{'*' * 250}zz'")) == []
    assert "EXECUTE is written" in refused(athena, "EXECUTE a" + " " * 250_000 + "b")
    athena.create_prepared_statement(StatementName="asis", WorkGroup="primary", QueryStatement="SELECT ?")
    assert "no closing quote" in refused(athena, "EXECUTE asis USING " + "'" * 99_999)
    told = finished(athena, "execute asis\nUSING 'a, b''c' ;")
    assert rows(athena, told) == [["_col0"], ["a, b'c"]]
    athena.delete_prepared_statement(StatementName="asis", WorkGroup="primary")
    assert "mended" in finished(athena, "SELECT 1" + "," * 200_000 + "2")["Status"]["StateChangeReason"]


def test_a_token_that_is_made_up_is_refused(athena: Any, url: str, root: Path) -> None:
    """Tokens by another secret than the engine's are refused; by its own, positions that make no sense."""
    with contextlib.closing(sqlite3.connect(root / "data" / "state.db")) as db:
        (secret,) = db.execute("SELECT value FROM engine_secrets WHERE name = 'pages'").fetchone()
    identity = finished(athena, "SELECT x FROM UNNEST(sequence(1, 9)) AS t(x)")["QueryExecutionId"]

    def made(operation: str, request: dict[str, Any], after: str) -> str:
        call = dataclasses.replace(_call(), account=KEY.account, operation=operation, page_secret=secret)
        return Pager(request, call).token(after)

    guessed = Pager({}, dataclasses.replace(_call(), account=KEY.account, operation="ListQueryExecutions"))
    with pytest.raises(ClientError, match="is not a token that this listing gave"):
        athena.list_query_executions(NextToken=guessed.token(identity))
    for after in ("x", "-5", "1e3", "\u0663", "9" * 30):
        with pytest.raises(ClientError, match="is not a token that this listing gave"):
            athena.list_query_executions(NextToken=made("ListQueryExecutions", {}, after))
        with pytest.raises(ClientError, match="is not a token that this listing gave"):
            request = {"QueryExecutionId": identity}
            athena.get_query_results(**request, NextToken=made("GetQueryResults", request, after))
    for after in ("7", "999999999"):  # within a row, and behind the last
        page = athena.get_query_results(**request, NextToken=made("GetQueryResults", request, after))
        assert "NextToken" not in page


def test_the_time_of_a_query_ends(athena: Any) -> None:
    told = finished(athena, ENDLESS)
    assert told["Status"]["State"] == "FAILED"
    assert "3 s" in told["Status"]["StateChangeReason"]


def test_a_query_is_stopped_and_others_wait_their_turn(athena: Any) -> None:
    identities = [athena.start_query_execution(QueryString=ENDLESS)["QueryExecutionId"] for _ in range(4)]
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        athena.start_query_execution(QueryString="SELECT 1")
    told = athena.batch_get_query_execution(QueryExecutionIds=[*identities, "unknown-0"])
    assert {one["Status"]["State"] for one in told["QueryExecutions"]} <= {"QUEUED", "RUNNING"}
    assert [one["QueryExecutionId"] for one in told["UnprocessedQueryExecutionIds"]] == ["unknown-0"]
    with pytest.raises(ClientError, match="has not yet finished"):
        athena.get_query_results(QueryExecutionId=identities[0])
    for identity in identities:
        athena.stop_query_execution(QueryExecutionId=identity)
        assert ended(athena, identity)["Status"]["State"] == "CANCELLED"
    assert finished(athena, "SELECT 1")["Status"]["State"] == "SUCCEEDED"


def test_a_token_starts_one_query(athena: Any) -> None:
    def start(sql: str) -> str:
        token = "a-token-of-at-least-thirty-two-letters"
        return str(
            athena.start_query_execution(QueryString=sql, ClientRequestToken=token)["QueryExecutionId"]
        )

    assert start("SELECT 1") == start("SELECT 1")
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        start("SELECT 2")


def test_a_token_makes_one_named_query(athena: Any) -> None:
    asked = {"Name": "a", "Database": DATABASE, "QueryString": "SELECT 1", "ClientRequestToken": "t" * 32}
    made = athena.create_named_query(**asked)["NamedQueryId"]
    assert athena.create_named_query(**asked)["NamedQueryId"] == made
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.create_named_query(**asked | {"QueryString": "SELECT 2"})
    athena.delete_named_query(NamedQueryId=made)


@pytest.fixture
def unhurried(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An engine whose queries have time: on a busy machine 3 s end before the limit that a test is about."""
    with served(tmp_path, lake, monkeypatch, seconds=300) as address:
        yield client_of(address, "athena")


def test_results_leave_room_on_the_disk(
    unhurried: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state lies on it too. A disk that is nearly full cannot be had here: its size is made up."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=12 << 20))
    told = finished(unhurried, "SELECT rpad('', 2000, 'x') FROM UNNEST(sequence(1, 2000)) AS t(x)")
    assert told["Status"]["StateChangeReason"].startswith(
        "EXCEEDED_RESULT_LIMIT: the result is larger than 1 MB"
    )
    assert not (tmp_path / "data" / "results" / f"{told['QueryExecutionId']}.csv").exists()
    assert finished(unhurried, "SELECT 1")["Status"]["State"] == "SUCCEEDED"
    unload = "UNLOAD (SELECT uuid() AS u FROM UNNEST(sequence(1, 500000)) AS t(x)) TO 's3://results/large/' "
    told = finished(unhurried, unload + "WITH (format = 'PARQUET')", ResultConfiguration=RESULTS)
    assert "too large for the disk" in told["Status"]["StateChangeReason"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=0))
    with pytest.raises(ClientError, match="The disk of the engine is full: make room"):
        unhurried.start_query_execution(QueryString="SELECT 1")


def test_a_result_that_cannot_be_written_says_why_and_not_where(athena: Any, root: Path) -> None:
    told = finished(athena, "SELECT 1", ResultConfiguration={"OutputLocation": f"s3://results/{'a' * 300}/"})
    reason = told["Status"]["StateChangeReason"]
    assert reason == "HIVE_FILESYSTEM_ERROR: the result cannot be written: File name too long"


def test_executions_are_listed_newest_first_and_by_account(url: str, athena: Any) -> None:
    mine = [finished(athena, "SELECT 1")["QueryExecutionId"] for _ in range(3)]
    pages = athena.get_paginator("list_query_executions").paginate(PaginationConfig={"PageSize": 2})
    listed = [identity for page in pages for identity in page["QueryExecutionIds"]]
    assert listed[:3] == mine[::-1]
    other = client_of(url, "athena", key=OTHER)
    assert not set(other.list_query_executions()["QueryExecutionIds"]) & set(mine)
    for call in (other.get_query_execution, other.get_query_results, other.stop_query_execution):
        with pytest.raises(ClientError, match="was not found"):
            call(QueryExecutionId=mine[0])


def test_parameters_fill_the_marks_of_a_query(athena: Any) -> None:
    sql = 'SELECT class FROM labels WHERE class = ? AND "left" > ?'
    told = finished(athena, sql, ExecutionParameters=["'Car'", "1"])
    assert rows(athena, told) == [["class"], ["Car"]]
    assert told["ExecutionParameters"] == ["'Car'", "1"]
    assert "execution parameter 1 is no value" in refused(
        athena, sql, ExecutionParameters=["'Car' OR 1 = 1", "1"]
    )


def test_prepared_statements(athena: Any) -> None:
    athena.create_prepared_statement(
        StatementName="of_class",
        WorkGroup="primary",
        QueryStatement="SELECT count(*) AS n FROM labels WHERE class = ?",
    )
    assert rows(athena, finished(athena, "EXECUTE of_class USING 'Car'")) == [["n"], ["1"]]
    assert rows(athena, finished(athena, "EXECUTE of_class", ExecutionParameters=["'x'"])) == [["n"], ["0"]]
    listed = athena.list_prepared_statements(WorkGroup="primary")["PreparedStatements"]
    assert [one["StatementName"] for one in listed] == ["of_class"]
    athena.delete_prepared_statement(StatementName="of_class", WorkGroup="primary")
    with pytest.raises(athena.exceptions.ResourceNotFoundException):
        athena.get_prepared_statement(StatementName="of_class", WorkGroup="primary")
    assert "was not found" in refused(athena, "EXECUTE of_class USING 'Car'")


# Workgroups and named queries.


def test_a_workgroup_sets_where_results_go(athena: Any) -> None:
    athena.create_work_group(
        Name="team",
        Description="of the tests",
        Configuration={
            "ResultConfiguration": {"OutputLocation": "s3://results/team/"},
            "EnforceWorkGroupConfiguration": True,
        },
    )
    told = finished(athena, "SELECT 1", WorkGroup="team", ResultConfiguration=RESULTS)
    assert told["ResultConfiguration"]["OutputLocation"].startswith("s3://results/team/")
    athena.update_work_group(WorkGroup="team", ConfigurationUpdates={"EnforceWorkGroupConfiguration": False})
    told = finished(athena, "SELECT 1", WorkGroup="team", ResultConfiguration=RESULTS)
    assert told["ResultConfiguration"]["OutputLocation"].startswith("s3://results/out/")
    athena.update_work_group(
        WorkGroup="team", ConfigurationUpdates={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    assert finished(athena, "SELECT * FROM labels", WorkGroup="team")["Status"]["State"] == "SUCCEEDED"
    told = athena.get_work_group(WorkGroup="team")["WorkGroup"]
    assert told["Configuration"]["BytesScannedCutoffPerQuery"] == 10_000_000
    athena.update_work_group(WorkGroup="team", State="DISABLED")
    assert "is disabled" in refused(athena, "SELECT 1", WorkGroup="team")
    assert {one["Name"]: one["State"] for one in athena.list_work_groups()["WorkGroups"]} == {
        "primary": "ENABLED",
        "team": "DISABLED",
    }
    with pytest.raises(ClientError, match="is not empty"):
        athena.delete_work_group(WorkGroup="team")
    athena.delete_work_group(WorkGroup="team", RecursiveDeleteOption=True)
    with pytest.raises(ClientError, match="is not found"):
        athena.get_work_group(WorkGroup="team")


def test_a_query_over_the_cutoff_of_its_workgroup_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    put(lake, labels=[{"modality": "V", "job": "j", "class": secrets.token_hex(11_000_000)}])
    assert sum(part.size for part in lake.snapshot().parts("labels")) > 10_000_000
    with served(tmp_path, lake, monkeypatch) as url:
        athena = client_of(url, "athena")
        athena.create_work_group(Name="small", Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
        told = finished(athena, "SELECT count(*) FROM labels", WorkGroup="small")
        assert told["Status"]["State"] == "FAILED"
        assert "Bytes scanned limit was exceeded" in told["Status"]["StateChangeReason"]
        assert (
            finished(athena, "SELECT count(*) FROM jobs", WorkGroup="small")["Status"]["State"] == "SUCCEEDED"
        )


def test_primary_cannot_be_deleted(athena: Any) -> None:
    with pytest.raises(ClientError, match="primary workgroup cannot be deleted"):
        athena.delete_work_group(WorkGroup="primary", RecursiveDeleteOption=True)


def test_named_queries_are_kept_changed_and_deleted(athena: Any) -> None:
    made = athena.create_named_query(Name="mine", Database=DATABASE, QueryString="SELECT 1")["NamedQueryId"]
    athena.update_named_query(NamedQueryId=made, Name="ours", QueryString="SELECT 2", Description="two")
    told = athena.get_named_query(NamedQueryId=made)["NamedQuery"]
    assert (told["Name"], told["QueryString"], told["Description"]) == ("ours", "SELECT 2", "two")
    assert made in athena.list_named_queries()["NamedQueryIds"]
    athena.delete_named_query(NamedQueryId=made)
    with pytest.raises(ClientError, match="was not found"):
        athena.get_named_query(NamedQueryId=made)


# The catalog.


def test_the_catalog_tells_of_the_tables_and_their_columns(athena: Any) -> None:
    assert athena.list_data_catalogs()["DataCatalogsSummary"][0]["CatalogName"] == "AwsDataCatalog"
    (database,) = athena.list_databases(CatalogName="AwsDataCatalog")["DatabaseList"]
    assert database["Name"] == DATABASE
    names = {"CatalogName": "AwsDataCatalog", "DatabaseName": DATABASE}
    pages = athena.get_paginator("list_table_metadata").paginate(**names, PaginationConfig={"PageSize": 7})
    tables = [table for page in pages for table in page["TableMetadataList"]]
    assert [table["Name"] for table in tables] == sorted(table["Name"] for table in tables)
    assert {"labels", "annotations_batch_manifests", "findings"} <= {table["Name"] for table in tables}
    table = athena.get_table_metadata(**names, TableName="annotations_batch_manifests")["TableMetadata"]
    kinds = {column["Name"]: column["Type"] for column in table["Columns"]}
    assert (
        "label-category-attributes:struct<audit:string,moving:string,vehicle_type:string>"
        in kinds["tracking-annotations"]
    )
    assert [column["Name"] for column in table["PartitionKeys"]] == ["partition_0", "partition_1"]
    with pytest.raises(athena.exceptions.MetadataException):
        athena.get_table_metadata(**names, TableName="absent")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SHOW DATABASES", [DATABASE]),
        ("SHOW TABLES 'quality_w*|findings'", ["findings", "quality_workers"]),
        ("SHOW PARTITIONS labels", ["modality=VideoObjectTracking/job=cars-0"]),
        ("SHOW COLUMNS IN workers", ["worker", "name", "email", "team", "source"]),
        ("SHOW VIEWS", []),
    ],
)
def test_statements_that_look(athena: Any, sql: str, expected: list[str]) -> None:
    assert [row[0] for row in rows(athena, finished(athena, sql))] == expected


def test_descriptions_of_a_table(athena: Any, root: Path) -> None:
    told = finished(athena, "DESCRIBE labels", ResultConfiguration=RESULTS)
    assert told["StatementType"] == "DDL"
    lines = [str(row[0]) for row in rows(athena, told)]
    assert "attributes          \tmap<string,string>  \t                    " in lines
    address = told["ResultConfiguration"]["OutputLocation"]
    assert address.endswith(".txt")
    assert (root / address.removeprefix("s3://")).read_text().splitlines() == lines
    created = "\n".join(str(row[0]) for row in rows(athena, finished(athena, "SHOW CREATE TABLE labels")))
    assert created.startswith(f"CREATE EXTERNAL TABLE `{DATABASE}.labels`(")
    plan = "\n".join(str(row[0]) for row in rows(athena, finished(athena, "EXPLAIN SELECT * FROM labels")))
    assert "labels" in plan or "Parquet" in plan
    assert str(root) not in plan


# The state.


def test_each_query_sees_one_state_of_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with served(tmp_path, lake, monkeypatch) as url:
        athena = client_of(url, "athena")
        counted = "SELECT count(*) AS n FROM labels"
        assert rows(athena, finished(athena, counted)) == [["n"], ["0"]]  # a lake that is not there yet
        fill(lake, jobs=3)
        assert rows(athena, finished(athena, counted)) == [["n"], ["6"]]
        fill(lake, jobs=1)
        assert rows(athena, finished(athena, counted)) == [["n"], ["2"]]


def test_state_outlives_the_engine_and_what_ran_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    fill(lake)
    with served(tmp_path, lake, monkeypatch) as url:
        athena = client_of(url, "athena")
        done = finished(athena, "SELECT 1")["QueryExecutionId"]
        cut = finished(athena, "SELECT 2")["QueryExecutionId"]
    stray = tmp_path / "data" / "results" / f"{cut}.csv"
    assert stray.exists()
    with sqlite3.connect(tmp_path / "data" / "state.db") as state:  # as a killed engine would leave it
        state.execute("UPDATE athena_executions SET state = 'RUNNING', completed = NULL WHERE id = ?", [cut])
    with served(tmp_path, lake, monkeypatch) as url:
        athena = client_of(url, "athena")
        assert rows(athena, athena.get_query_execution(QueryExecutionId=done)["QueryExecution"]) == [
            ["_col0"],
            ["1"],
        ]
        status = athena.get_query_execution(QueryExecutionId=cut)["QueryExecution"]["Status"]
        assert status["State"] == "FAILED"
        assert "the engine was stopped" in status["StateChangeReason"]
        assert not stray.exists()


def test_old_executions_and_large_results_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    with served(tmp_path, lake, monkeypatch, executions=3, results=3000) as url:
        athena = client_of(url, "athena")
        made = [
            finished(athena, f"SELECT rpad('{number}', 1000, 'x')")["QueryExecutionId"] for number in range(5)
        ]
        kept = athena.list_query_executions()["QueryExecutionIds"]
        assert kept == made[:1:-1]
        assert athena.get_query_results(QueryExecutionId=made[4])
        with pytest.raises(ClientError, match="kept no longer"):
            athena.get_query_results(QueryExecutionId=made[2])
    assert len(list((tmp_path / "data" / "results").iterdir())) == 2


def test_an_engine_without_a_lake_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(engine.LAKE, raising=False)
    with pytest.raises(EngineError, match="BRUME_LAKE must name the lake"):
        engine.create(Settings(tmp_path))
    monkeypatch.setenv(engine.LAKE, str(tmp_path))
    monkeypatch.setenv("BRUME_SQL_SECONDS", "soon")
    with pytest.raises(EngineError, match="BRUME_SQL_SECONDS=soon must be a number"):
        engine.create(Settings(tmp_path))


def test_no_words_of_the_caller_are_logged(
    athena: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", logger="brume.engine")
    finished(athena, "SELECT 'ann@example.org' FROM labels WHERE class = 'Zeppelin'")
    refused(athena, "SELEC 'ann@example.org' Zeppelin")
    finished(athena, "SELECT Zeppelin, json_extract(class, 'Zeppelin$[') FROM labels")
    captured = capfd.readouterr()
    for text in (caplog.text, captured.out, captured.err):
        assert "Zeppelin" not in text
        assert "ann@" not in text
    assert json.loads(caplog.records[0].message)["operation"] == "StartQueryExecution"


def test_a_lake_and_results_in_s3(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="labelling")
    lake = Lake("s3://labelling/lake")
    fill(lake, jobs=6)
    parts = lake.snapshot().parts("labels")
    with served(tmp_path, lake, monkeypatch, folders=False, cache=2 * parts[0].size) as url:
        athena = client_of(url, "athena")
        told = finished(
            athena,
            "SELECT count(*) AS n FROM labels",
            ResultConfiguration={"OutputLocation": "s3://labelling/out/"},
        )
        assert rows(athena, told) == [["n"], ["12"]]
        bucket, _, key = told["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
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


@pytest.mark.long
def test_a_killed_engine_leaves_nothing_that_runs(lake: Lake, tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRUME_"))
    }
    command = [*BRUME, "engine", "labels", "--port", "0", "--data", str(tmp_path / "data")]

    def started() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=environment | {engine.LAKE: lake.uri}, stderr=subprocess.DEVNULL
        )

        def listens() -> bool:
            assert process.poll() is None
            return (here := catalog.running(tmp_path / "data")) is not None and here.pid == process.pid

        until(listens, "the engine's start")
        return process

    def client() -> Any:
        here = catalog.running(tmp_path / "data")
        assert here is not None
        (key,) = keys.load(Path(here.credentials)).values()
        return client_of(here.url, "athena", key=key)

    with started() as process:
        athena = client()
        identity = athena.start_query_execution(QueryString=ENDLESS)["QueryExecutionId"]
        until(lambda: len(_descendants(process.pid)) >= 2, "the query's process")
        family = _descendants(process.pid)
        process.kill()
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in family), "the end of its processes")
    with started() as process:
        status = client().get_query_execution(QueryExecutionId=identity)["QueryExecution"]["Status"]
        assert (status["State"], status["AthenaError"]["Retryable"]) == ("FAILED", True)
        process.terminate()
    assert process.returncode == 0


def _descendants(parent: int) -> list[int]:
    """Return the processes below one, by what the system tells of them."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here to look at processes")
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [parent]
    for one in found:
        found += [child for child, above in parents.items() if above == one]
    return found[1:]
