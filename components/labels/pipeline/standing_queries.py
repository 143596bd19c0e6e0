"""The standing queries of a run, through Athena's API: AWS or the engine answers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from brume import storage
from brume.aws import addresses
from brume.aws.client import client
from brume.aws.waiting import wait_until
from brume.labels.model.lake import Lake
from brume.labels.model.queries import Query
from brume.labels.model.schema import DATABASE
from brume.run import progress


class QueryError(RuntimeError):
    """A query that did not succeed; the message names it and the cause."""


def run_all(queries: Iterable[Query], folder: str, workgroup: str) -> dict[str, dict[str, Any]]:
    """Run queries side by side, each result as `folder`/NAME.csv; returns Athena's descriptions by name.

    `folder` is a local folder that the service has an address for, or an `s3://` URI. Raises `QueryError`
    for one that fails.
    """
    athena = client("athena")
    scratch = storage.join(folder, "executions")
    running = {
        query.name: athena.start_query_execution(
            QueryString=query.sql,
            QueryExecutionContext={"Database": DATABASE},
            ResultConfiguration={"OutputLocation": addresses.for_service(scratch) + "/"},
            WorkGroup=workgroup,
        )["QueryExecutionId"]
        for query in queries
    }
    executions: dict[str, dict[str, Any]] = {}

    def note_ended() -> None:
        for name, identity in running.items():
            if name in executions:
                continue
            execution = athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]
            state = execution["Status"]["State"]
            if state in ("FAILED", "CANCELLED"):
                reason = execution["Status"].get("StateChangeReason", "no reason is given")
                raise QueryError(f"the query {name} {state.lower()}: {reason}")
            if state == "SUCCEEDED":
                executions[name] = execution
                progress.report("queries", len(executions), len(running), name)

    wait_until(note_ended, lambda _: len(executions) == len(running))
    for name, execution in executions.items():
        result = addresses.for_step(execution["ResultConfiguration"]["OutputLocation"])
        storage.move(result, storage.join(folder, f"{name}.csv"))
    storage.remove(scratch)
    return executions


def check_lake(lake: Lake, folder: str) -> None:
    """Raise `QueryError` if the results of `run_all` in `folder` are not of this lake."""
    mine = sum(part.rows for part in lake.snapshot().parts("jobs"))
    text = storage.read_bytes(storage.join(folder, "jobs.csv")).decode()
    theirs = sum(1 for _ in csv.DictReader(io.StringIO(text)))
    if theirs != mine:
        raise QueryError(
            f"Athena returned {theirs} jobs, and the lake {lake.uri} has {mine}: it reads another one. "
            "Start the engine with BRUME_LAKE set to this one, or give publish_glue=true where AWS answers"
        )
