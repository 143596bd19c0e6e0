"""Queries over the lake: those of the original, their parameters, and refused ones."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.labels.model import queries
from brume.labels.model.schema import DATABASE
from tests.aws.lake import finished, refused, rows
from tests.aws.serving import OTHER, client_of


def test_the_workers_query_runs_as_it_stands(athena: Any) -> None:
    names, *found = rows(athena, finished(athena, queries.named()["original_worker_tasks"].sql))
    row = dict(zip(names, found[0], strict=True))
    assert len(found) == 1
    assert (row["user_name"], row["submissiontime"], row["tasks"]) == ("Ann", "2026-03-02 08:00:00.000", "2")
    assert str(row["ans"]).startswith("{trackingannotations={framedata={entries=[{frame-no=0, frame=0.jpg, ")


def test_the_labels_query_runs_as_it_stands_and_says_what_was_mended(athena: Any) -> None:
    execution = finished(athena, queries.named()["original_labels"].sql)
    assert "line 1:48" in execution["Status"]["StateChangeReason"]
    names, *found = rows(athena, execution)
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
    execution = finished(athena, queries.named()["original_frames"].sql)
    assert "StateChangeReason" not in execution["Status"]
    names, *found = rows(athena, execution)
    row = dict(zip(names, found[0], strict=True))
    assert len(found) == 1  # the frame without labels is left out
    assert (row["number_of_vehicles"], row["quality_of_the_frame"], row["num_labels"]) == ("2", "good", "2")


def test_they_are_named_queries_that_every_account_starts_with(athena_url: str, athena: Any) -> None:
    """Those of the original read tables that did not exist."""
    for client in (athena, client_of(athena_url, "athena", key=OTHER)):
        ids = client.list_named_queries()["NamedQueryIds"]
        found = client.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
        assert {one["Name"] for one in found} == {
            "original_worker_tasks",
            "original_labels",
            "original_frames",
        }
        for one in found:
            assert (one["WorkGroup"], one["Database"]) == ("primary", DATABASE)
            assert finished(client, one["QueryString"])["Status"]["State"] == "SUCCEEDED"


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
    execution = finished(athena, sql)
    assert execution["Status"]["State"] == "FAILED"
    assert execution["Status"]["StateChangeReason"].startswith(reason)
    assert execution["Status"]["AthenaError"]["ErrorCategory"] == 2
    with pytest.raises(ClientError, match="did not finish successfully"):
        athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])


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
    execution = finished(athena, "execute asis\nUSING 'a, b''c' ;")
    assert rows(athena, execution) == [["_col0"], ["a, b'c"]]
    athena.delete_prepared_statement(StatementName="asis", WorkGroup="primary")
    assert "mended" in finished(athena, "SELECT 1" + "," * 200_000 + "2")["Status"]["StateChangeReason"]


def test_parameters_fill_the_marks_of_a_query(athena: Any) -> None:
    sql = 'SELECT class FROM labels WHERE class = ? AND "left" > ?'
    execution = finished(athena, sql, ExecutionParameters=["'Car'", "1"])
    assert rows(athena, execution) == [["class"], ["Car"]]
    assert execution["ExecutionParameters"] == ["'Car'", "1"]
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
