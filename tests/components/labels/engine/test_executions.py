"""Executions: described, listed, stopped, and started once for each client token."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.aws.engine.paging import Pager
from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from tests.aws.lake import ENDLESS, call_of, ended, finished, refused, served
from tests.aws.serving import KEY, OTHER, client_of


def test_an_execution_is_described(athena: Any) -> None:
    execution = finished(athena, "SELECT count(*) FROM labels", WorkGroup="primary")
    assert execution["Query"] == "SELECT count(*) FROM labels"
    assert (execution["StatementType"], execution["SubstatementType"], execution["WorkGroup"]) == (
        "DML",
        "SELECT",
        "primary",
    )
    assert execution["QueryExecutionContext"] == {"Database": DATABASE}
    assert execution["Statistics"]["DataScannedInBytes"] > 0
    assert execution["Status"]["CompletionDateTime"] >= execution["Status"]["SubmissionDateTime"]
    statistics = athena.get_query_runtime_statistics(QueryExecutionId=execution["QueryExecutionId"])
    assert statistics["QueryRuntimeStatistics"]["Rows"]["OutputRows"] == 1


def test_the_time_of_a_query_ends(tmp_path: Path, lake: Lake) -> None:
    with served(tmp_path, lake, seconds=3) as url:
        execution = finished(client_of(url, "athena"), ENDLESS)
    assert execution["Status"]["State"] == "FAILED"
    assert "3 s" in execution["Status"]["StateChangeReason"]


def test_a_query_is_stopped_and_others_wait_their_turn(athena: Any) -> None:
    identities = [athena.start_query_execution(QueryString=ENDLESS)["QueryExecutionId"] for _ in range(4)]
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        athena.start_query_execution(QueryString="SELECT 1")
    found = athena.batch_get_query_execution(QueryExecutionIds=[*identities, "unknown-0"])
    assert {one["Status"]["State"] for one in found["QueryExecutions"]} <= {"QUEUED", "RUNNING"}
    assert [one["QueryExecutionId"] for one in found["UnprocessedQueryExecutionIds"]] == ["unknown-0"]
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


def test_executions_are_listed_newest_first_and_by_account(athena_url: str, athena: Any) -> None:
    mine = [finished(athena, "SELECT 1")["QueryExecutionId"] for _ in range(3)]
    pages = athena.get_paginator("list_query_executions").paginate(PaginationConfig={"PageSize": 2})
    listed = [identity for page in pages for identity in page["QueryExecutionIds"]]
    assert listed[:3] == mine[::-1]
    other = client_of(athena_url, "athena", key=OTHER)
    assert not set(other.list_query_executions()["QueryExecutionIds"]) & set(mine)
    for call in (other.get_query_execution, other.get_query_results, other.stop_query_execution):
        with pytest.raises(ClientError, match="was not found"):
            call(QueryExecutionId=mine[0])


def test_a_token_that_is_made_up_is_refused(athena: Any, athena_url: str, root: Path) -> None:
    """Tokens by another secret than the engine's are refused; by its own, positions that make no sense."""
    with contextlib.closing(sqlite3.connect(root / "data" / "state.db")) as db:
        (secret,) = db.execute("SELECT value FROM engine_secrets WHERE name = 'pages'").fetchone()
    identity = finished(athena, "SELECT x FROM UNNEST(sequence(1, 9)) AS t(x)")["QueryExecutionId"]

    def made(operation: str, request: dict[str, Any], after: str) -> str:
        call = dataclasses.replace(call_of(), account=KEY.account, operation=operation, page_secret=secret)
        return Pager(request, call).token(after)

    guessed = Pager({}, dataclasses.replace(call_of(), account=KEY.account, operation="ListQueryExecutions"))
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
