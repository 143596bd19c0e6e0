"""A small lake with tables of every kind, and the engine that answers for it over HTTP."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from brume.aws.engine.catalog import Settings
from brume.aws.engine.service import Call
from brume.labels.engine import engine
from brume.labels.model.lake import Lake
from brume.labels.model.schema import DATABASE
from tests.aws.serving import serve_engine
from tests.components.labels.lakes import frame, put
from tests.polling import until

FRAMES = [
    frame(
        0,
        {"moving": "yes", "vehicle_type": "Car", "audit": "accept"},
        {"moving": "no", "vehicle_type": 'Bus, "long"', "audit": "reject"},
        number_of_vehicles="2",
        quality_of_the_frame="good",
    ),
    frame(1, number_of_vehicles="0", quality_of_the_frame="bad"),
]

ENDLESS = "SELECT sum(x * y) FROM UNNEST(sequence(1, 1000000)) t(x), UNNEST(sequence(1, 1000000)) u(y)"
RESULTS = {"OutputLocation": "s3://results/out/"}


def fill(lake: Lake, jobs: int = 1) -> None:
    """Make the lake hold a sequence of each of `jobs` jobs, two labels and an answer by Ann."""
    names = [f"cars-{number}" for number in range(jobs)]
    put(
        lake,
        annotations_batch_manifests=[
            {
                "tracking-annotations": FRAMES,
                "item": 0,
                "file": f"{name}.json",
                "partition_0": "VideoObjectTracking",
                "partition_1": name,
            }
            for name in names
        ],
        labels=[
            {
                "modality": "VideoObjectTracking",
                "job": name,
                "kind": "box",
                "class": kind,
                "left": left,
                "attributes": attributes,
            }
            for name in names
            for kind, left, attributes in (("Car", 1.5, {"moving": "yes"}), ("Bus", None, {}))
        ],
        worker_metrics_processed_worker_metrics=[
            {
                "user_name": "Ann",
                "submissiontime": dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC),
                "timespentinseconds": 90.0,
                "jobname": name,
                "answercontent": [{"trackingannotations": {"framedata": {"entries": FRAMES}}}],
                "year": "2026",
                "month": "03",
                "date": "02",
                "hour": "08",
            }
            for name in names
        ],
    )


@contextlib.contextmanager
def served(root: Path, lake: Lake, *, folders: bool = True, **limits: object) -> Iterator[str]:
    """Serve the engine over `lake`; s3://results/ is the folder `root`/results, if not S3. Yields its URL."""
    (root / "results").mkdir(parents=True, exist_ok=True)
    settings = Settings(root / "data", {"s3://results/": str(root / "results")} if folders else {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(engine.LAKE, lake.uri)
        for name, value in limits.items():
            patch.setenv(f"BRUME_SQL_{name.upper()}", str(value))
        made = engine.create(settings)
    with serve_engine(made) as url:
        yield url


def finished(client: Any, sql: str, **more: Any) -> dict[str, Any]:
    """Start a query, wait for its end, and return its description."""
    context = {"Database": DATABASE}
    started = client.start_query_execution(QueryString=sql, QueryExecutionContext=context, **more)
    return ended(client, started["QueryExecutionId"])


def ended(client: Any, identity: str) -> dict[str, Any]:
    """Wait for the end of an execution, and return its description."""

    def look() -> dict[str, Any]:
        found: dict[str, Any] = client.get_query_execution(QueryExecutionId=identity)["QueryExecution"]
        return found if found["Status"]["State"] not in ("QUEUED", "RUNNING") else {}

    return until(look, f"the end of query {identity}", pause=0.01)


def refused(client: Any, sql: str, **more: Any) -> str:
    """Return the message with which the engine refuses a query at once."""
    with pytest.raises(ClientError) as caught:
        client.start_query_execution(QueryString=sql, **more)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestException"
    return str(caught.value.response["Error"]["Message"])


def call_of() -> Call:
    """Return the call of a request that comes without HTTP."""
    return Call("1", "123456789012", "eu-west-1", "AKID", "athena", "StartQueryExecution")


def rows(client: Any, execution: dict[str, Any]) -> list[list[str | None]]:
    """Return every row of a result, the one with the names first; NULL is None."""
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    pages = client.get_paginator("get_query_results").paginate(QueryExecutionId=execution["QueryExecutionId"])
    return [
        [cell.get("VarCharValue") for cell in row["Data"]]
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
