"""Clients of Athena, unchanged: awswrangler, PyAthena and the AWS CLI, with results in S3."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from tests.aws import environments
from tests.aws.lake import fill, served
from tests.aws.serving import KEY
from tests.polling import until

pytestmark = pytest.mark.long
WANTED = Path(__file__).with_name("athena-clients.txt")
PROGRAM = Path(__file__).with_name("athena_clients.py")


@pytest.fixture(scope="module")
def environment(s3_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    root = tmp_path_factory.mktemp("clients")
    boto3.client("s3").create_bucket(Bucket="results")
    lake = Lake(str(root / "lake"))
    fill(lake)
    with served(root, lake, folders=False) as url:
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "AWS_ENDPOINT_URL_ATHENA": url,
            "AWS_ENDPOINT_URL_S3": s3_server,
            "AWS_ENDPOINT_URL_GLUE": s3_server,  # awswrangler looks there for the table that it would create
            "AWS_ACCESS_KEY_ID": KEY.access_key,
            "AWS_SECRET_ACCESS_KEY": KEY.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@pytest.fixture(scope="module")
def results(environment: dict[str, str]) -> dict[str, Any]:
    command = [str(environments.python(WANTED)), str(PROGRAM), "s3://results/queries/", DATABASE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_awswrangler_reads_csv_results_with_their_types(results: dict[str, Any]) -> None:
    names, kinds, classes, total = results["wrangler"]
    assert names == ["class", "x", "attributes", "n"]
    assert (kinds[1].lower(), kinds[3].lower()) == ("float64", "int64")
    assert (classes, total) == (["Car", "Bus"], 4)
    assert results["chunks"] == [1000, 1000, 500]
    assert results["parameters"] == 0


def test_awswrangler_reads_what_is_unloaded(results: dict[str, Any]) -> None:
    assert results["unload"] == [["class", "x", "n"], ["Bus", "Car"], 2]


def test_the_error_for_ctas_names_the_option_of_awswrangler(results: dict[str, Any]) -> None:
    assert "ctas_approach=False" in results["ctas"]


def test_pyathena_and_its_cursors(results: dict[str, Any]) -> None:
    columns, found = results["pyathena"]
    assert columns == [["class", "varchar"], ["x", "double"], ["attributes", "map"], ["n", "bigint"]]
    assert found[0] == ["Car", "1.5", "{'moving': 'yes'}", "2"]
    assert found[1][:2] == ["Bus", "None"]
    assert results["pyathena parameters"] == 1
    assert "COLUMN_NOT_FOUND: line 1:8" in results["pyathena error"]
    assert results["pandas"] == results["pandas unload"] == ["Car", "Bus"]


def test_the_command_line_of_aws(environment: dict[str, str], tmp_path: Path) -> None:
    def aws(*words: str) -> Any:
        command = [str(environments.python(WANTED)), "-m", "awscli", "--output", "json", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    started = aws(
        *(
            "athena",
            "start-query-execution",
            "--query-string",
            "SELECT count(*) AS n FROM labels WHERE class = ?",
        ),
        *("--query-execution-context", f"Database={DATABASE}", "--execution-parameters", "'Car'"),
        *("--result-configuration", "OutputLocation=s3://results/cli/"),
    )
    identity = started["QueryExecutionId"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = aws("athena", "get-query-execution", "--query-execution-id", identity)
        execution: dict[str, Any] = found["QueryExecution"]
        return None if execution["Status"]["State"] in ("QUEUED", "RUNNING") else execution

    execution = until(ended, "the end of the query")
    assert execution is not None
    assert execution["Status"]["State"] == "SUCCEEDED"
    found = aws("athena", "get-query-results", "--query-execution-id", identity)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in found] == ["n", "1"]
    body = boto3.client("s3").get_object(Bucket="results", Key=f"cli/{identity}.csv")["Body"].read()
    assert body == b'"n"\n"1"\n'
