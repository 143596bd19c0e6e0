"""The policy of the documentation allows what the code asks of AWS, and nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from brume.aws import addresses
from brume.aws.client import client
from brume.aws.engine.catalog import Settings
from brume.aws.wire.server import Engine
from brume.labels.engine import engine
from brume.labels.model.lake import Lake
from brume.labels.model.queries import Query
from brume.labels.pipeline import dashboard, job_states, standing_queries, worker_tables
from brume.labels.pipeline.publish import glue, named_queries, quicksight
from brume.labels.pipeline.publish.quicksight import publishing
from tests.aws.actions import noted
from tests.aws.serving import serve_engine
from tests.components.labels.dashboard import tables
from tests.components.labels.lakes import answer, frame, put
from tests.components.labels.publish.quicksight.account import QuickSight
from tests.components.labels.test_job_states import SageMaker

POLICY = Path(__file__).parents[4] / "docs" / "labels-aws-policy.json"
OWNER = "arn:aws:quicksight:us-east-1:123456789012:user/default/lead"
# What AWS does with the caller's rights without a call of ours, and what takes files too large for a test.
INDIRECT = (
    "LetAthenaReadForTheCaller",
    "SendLargeFilesAndLetAthenaWriteResults",
    "LetQuickSightBuildOneOnTheOther",
)


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the actions of all that is asked through boto3 from here on."""
    return noted(monkeypatch)


def allowed(*, left_out: tuple[str, ...] = ()) -> set[str]:
    statements = json.loads(POLICY.read_text())["Statement"]
    lists = [one["Action"] for one in statements if one["Sid"] not in left_out]
    return {action for some in lists for action in ([some] if isinstance(some, str) else some)}


@pytest.mark.long
def test_each_action_is_asked_for_by_something_that_we_do(
    s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, actions: set[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    client("s3").create_bucket(Bucket="labels-policy")
    pool = client("cognito-idp").create_user_pool(PoolName="workforce")["UserPool"]["Id"]
    client("cognito-idp").create_group(UserPoolId=pool, GroupName="day")
    lake = Lake("s3://labels-policy/lake")
    account = QuickSight(client("quicksight"))
    with tables.connect() as connection:
        board = dashboard.build(connection).board
    actions.clear()

    monkeypatch.setattr(publishing, "_LOOK_SECONDS", 0.01)
    with (
        _served(monkeypatch, "SAGEMAKER", Engine({"sagemaker": SageMaker()})),
        _served(monkeypatch, "QUICKSIGHT", Engine({"quicksight": account})),
    ):
        job_states.describe(["cars-1"])
        foggy = [frame(0, {"vehicle_type": "van"}, fog="thick")]
        earlier = answer("u1", "2023-12-31T10:00:00", job="vans", entries=foggy)
        named = [{"partition_0": "VideoObjectTracking", "partition_1": "boats"}]
        for answers, manifests in (
            ([answer("u1"), answer("u2", job="boats")], named),
            ([answer("u1"), earlier], []),
        ):
            put(lake, answers=answers, output_manifest=manifests)
            worker_tables.join(lake, pool)
            glue.publish(lake, "labels-policy")
            quicksight.publish(lake, board, OWNER, workgroup=f"group-{len(account.asked)}")
            for name in account.sets:
                account.sets[name]["ImportMode"] = "DIRECT_QUERY"
                account.schedules[name]["RefreshType"] = "INCREMENTAL_REFRESH"

    folders = {"s3://brume-run/": f"{tmp_path}/"}
    monkeypatch.setenv("BRUME_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv(addresses.FOLDERS, json.dumps(folders))
    with _served(monkeypatch, "ATHENA", engine.create(Settings(tmp_path / "data", folders))):
        query = Query("jobs", "Every job.", "SELECT 1 AS n", False)
        named_queries.save([query])
        named_queries.save([dataclasses.replace(query, sql="SELECT 2 AS n")])
        standing_queries.run_all([query], f"{tmp_path}/queries", "primary")
    assert actions == allowed(left_out=INDIRECT)


@contextlib.contextmanager
def _served(monkeypatch: pytest.MonkeyPatch, service: str, served: Engine) -> Iterator[None]:
    with serve_engine(served, keys=None) as url:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        yield


def test_nothing_is_allowed_wholesale() -> None:
    for statement in json.loads(POLICY.read_text())["Statement"]:
        assert statement["Effect"] == "Allow"
    assert not [action for action in allowed() if "*" in action]
