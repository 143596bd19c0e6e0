"""Serves the records engine for tests of its graph, and asks it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from brume.aws.engine.catalog import Settings
from brume.records.engine import engine
from tests.aws.processes import EngineProcess
from tests.aws.serving import client_of, serve_engine
from tests.polling import until

PENDING = ("LOAD_IN_QUEUE", "LOAD_IN_PROGRESS")


@contextlib.contextmanager
def serve_graph(folder: Path, **serving: Any) -> Iterator[str]:
    """Serve the engine, unsigned, with `folder`/bucket for s3://bucket/."""
    (folder / "bucket").mkdir(exist_ok=True)
    made = engine.create(Settings(folder / "data", {"s3://bucket/": str(folder / "bucket")}))
    with serve_engine(made, **{"keys": None, **serving}) as url:
        yield url


def neptune(url: str, **options: Any) -> Any:
    """Return a boto3 client of neptunedata."""
    return client_of(url, "neptunedata", **options)


def ask(url: str, query: str, **parameters: str) -> Any:
    """Return what a query finds: a list of rows of values, or a boolean."""
    answer = requests.post(f"{url}/sparql", data={"query": query, **parameters}, timeout=120)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    if "boolean" in found:
        return found["boolean"]
    names = found["head"]["vars"]
    return sorted(
        tuple(row[name]["value"] if name in row else None for name in names)
        for row in found["results"]["bindings"]
    )


def change(url: str, update: str) -> None:
    """Run an update."""
    answer = requests.post(f"{url}/sparql", data={"update": update}, timeout=120)
    assert answer.status_code == 200, answer.text
    assert [event["type"] for event in answer.json()] == ["UpdateEvent", "Commit"]


def load(url: str, source: str, kind: str = "nquads", **members: Any) -> dict[str, Any]:
    """Run a load job to its end; returns the payload of its status, with details."""
    boto = neptune(url)
    started = boto.start_loader_job(
        source=source,
        format=kind,
        s3BucketRegion="us-east-1",
        iamRoleArn="arn:aws:iam::123456789012:role/load",
        **{"queueRequest": True, **members},
    )
    return loaded(url, started["payload"]["loadId"])


def loaded(url: str, identity: str) -> dict[str, Any]:
    """Wait for the end of a load job; returns the payload of its status, with details."""
    boto = neptune(url)

    def ended() -> dict[str, Any] | None:
        found = boto.get_loader_job_status(loadId=identity, details=True, errors=True)["payload"]
        return found if found["overallStatus"]["status"] not in PENDING else None

    return until(ended, "the load job to end")  # type: ignore[return-value]


def serve_process(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    """Run the engine as a process of its own, which can be killed, with options of its command."""
    made = EngineProcess(folder, "records", {"bucket": folder / "bucket"}, options=options)
    return made.process, made.url


def status(url: str, **data: str) -> dict[str, Any]:
    """Return what the list of queries answers to a form."""
    return requests.post(f"{url}/sparql/status", data=data, timeout=60).json()  # type: ignore[no-any-return]
