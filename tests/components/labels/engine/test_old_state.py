"""State of the first release opens: state-1.sql, from before client tokens moved."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.labels.model.lake import Lake
from tests.aws.lake import ended, fill, finished, rows, served
from tests.aws.serving import KEY, client_of

DONE = "24ea4fb1-daff-4386-acb0-dd4c3a6bfcdc"
CUT = "c60c177c-8e7b-495d-9e44-ce582f8f7acd"
WAITING = "00000000-0000-4000-8000-000000000001"
NAMED = "1ef603ba-bac6-55bc-a12e-50e20e564835"
TOKEN = "t" * 40
SQL = "SELECT count(*) AS n FROM jobs"


@pytest.fixture(scope="module")
def athena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    root = tmp_path_factory.mktemp("old")
    (root / "data" / "results").mkdir(parents=True)
    (root / "data" / "results" / f"{DONE}.csv").write_text('"n"\n"1"\n')
    written = (Path(__file__).parent / "state-1.sql").read_text()
    with sqlite3.connect(root / "data" / "state.db") as state:
        state.executescript(written.replace("000000000000", KEY.account))
        state.execute(
            "INSERT INTO athena_executions SELECT ?, 99, account, workgroup, 'QUEUED', text, request, "
            "'other', digest, kind, name, output, manifest, reason, error, columns, rows, size, scanned, "
            "planning, submitted, NULL, NULL FROM athena_executions WHERE id = ?",
            [WAITING, CUT],
        )
        state.execute("UPDATE athena_executions SET submitted = unixepoch()")  # none is dropped for its age
    lake = Lake(str(root / "lake"))
    fill(lake)
    with served(root, lake) as url:
        yield client_of(url, "athena")


def test_results_and_resources_are_there(athena: Any) -> None:
    assert rows(athena, athena.get_query_execution(QueryExecutionId=DONE)["QueryExecution"]) == [["n"], ["1"]]
    assert athena.get_named_query(NamedQueryId=NAMED)["NamedQuery"]["WorkGroup"] == "team"
    group = athena.get_work_group(WorkGroup="team")["WorkGroup"]
    assert group["Description"] == "of the old release"
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 100_000_000


def test_a_prepared_statement_runs(athena: Any) -> None:
    assert rows(athena, finished(athena, "EXECUTE one USING 7", WorkGroup="team")) == [["a"], ["7"]]


def test_a_query_that_a_kill_cut_short_has_ended(athena: Any) -> None:
    status = ended(athena, CUT)["Status"]
    assert status["State"] == "FAILED"
    assert "the engine was stopped" in status["StateChangeReason"]


def test_a_query_that_waited_has_ended_since_its_release_kept_no_plan(athena: Any) -> None:
    status = ended(athena, WAITING)["Status"]
    assert (status["State"], status["AthenaError"]["Retryable"]) == ("FAILED", True)
    assert "the engine was stopped while the query waited" in status["StateChangeReason"]


def test_a_client_token_still_stands_for_its_query(athena: Any) -> None:
    again = athena.start_query_execution(QueryString=SQL, ClientRequestToken=TOKEN)
    assert again["QueryExecutionId"] == DONE
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        athena.start_query_execution(QueryString="SELECT 2", ClientRequestToken=TOKEN)
    assert athena.start_query_execution(QueryString=SQL)["QueryExecutionId"] != DONE


def test_workgroups_get_tags(athena: Any) -> None:
    arn = f"arn:aws:athena:{athena.meta.region_name}:{KEY.account}:workgroup/team"
    athena.tag_resource(ResourceARN=arn, Tags=[{"Key": "unit", "Value": "a"}])
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "unit", "Value": "a"}]
    athena.create_work_group(Name="tagged", Tags=[{"Key": "unit", "Value": "b"}])
    other = arn.replace("/team", "/tagged")
    assert athena.list_tags_for_resource(ResourceARN=other)["Tags"] == [{"Key": "unit", "Value": "b"}]
    athena.delete_work_group(WorkGroup="tagged")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        athena.list_tags_for_resource(ResourceARN=other)
    athena.untag_resource(ResourceARN=arn, TagKeys=["unit"])
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
