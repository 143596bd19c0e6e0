"""An engine that is killed or stopped, and started again on the same data.

What ran has failed and leaves nothing half-written; what waited is run.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine import catalog
from brume.aws.wire import keys
from brume.labels.engine import engine
from brume.labels.model.lake import Lake
from tests.aws.lake import ENDLESS, RESULTS, ended, finished, rows, served
from tests.aws.serving import client_of
from tests.pipelines.runs import BRUME
from tests.polling import until

# An engine that kills itself, as kill -9 does, instead of writing the second file of a delivery.
KILLED_IN_DELIVERY = """
import os, signal, sys
from brume import storage
from brume.aws.engine import run
upload, written = storage.upload, []
def upload_one(file, address):
    if written:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(address)
    upload(file, address)
storage.upload = upload_one
run.main(sys.argv[1:])
"""
UNLOAD = (
    "UNLOAD (SELECT \"left\", class FROM labels) TO 's3://results/unloaded/' "
    "WITH (format = 'PARQUET', partitioned_by = ARRAY['class'])"
)


@contextlib.contextmanager
def process(
    root: Path, lake: Lake, command: Sequence[str] = (*BRUME, "engine"), **limits: object
) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """Run the engine as a process on `root`/data; yields it and a client."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BRUME_"))
    }
    environment |= {f"BRUME_SQL_{name.upper()}": str(value) for name, value in limits.items()}
    data, results = root / "data", root / "results"
    results.mkdir(exist_ok=True)
    running = subprocess.Popen(
        [*command, "labels", "--port", "0", "--data", str(data), "--folder", f"s3://results/={results}"],
        env=environment | {engine.LAKE: lake.uri},
        stderr=subprocess.DEVNULL,
    )

    def listens() -> bool:
        assert running.poll() is None
        return (here := catalog.running(data)) is not None and here.pid == running.pid

    try:
        until(listens, "the engine's start")
        here = catalog.running(data)
        assert here is not None
        (key,) = keys.load(Path(here.credentials)).values()
        yield running, client_of(here.url, "athena", key=key)
    finally:
        if running.poll() is None:
            running.terminate()
        running.wait(60)


def state_of(athena: Any, identity: str) -> str:
    return str(athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]["Status"]["State"])


@pytest.mark.slow
def test_a_killed_engine_leaves_nothing_that_runs_and_runs_what_waited(lake: Lake, tmp_path: Path) -> None:
    with process(tmp_path, lake, at_once=1) as (running, athena):
        identity = athena.start_query_execution(QueryString=ENDLESS)["QueryExecutionId"]
        until(lambda: len(_descendants(running.pid)) >= 2, "the query's process")
        until(lambda: state_of(athena, identity) == "RUNNING")
        prepared = {"StatementName": "one", "WorkGroup": "primary"}
        athena.create_prepared_statement(**prepared, QueryStatement="SELECT ? AS a")
        waiting = [
            athena.start_query_execution(QueryString=sql, ResultConfiguration=RESULTS)["QueryExecutionId"]
            for sql in ("EXECUTE one USING 7", UNLOAD, "SHOW TABLES 'labels'", "SELECT 1")
        ]
        athena.delete_prepared_statement(**prepared)  # it was planned before
        athena.stop_query_execution(QueryExecutionId=waiting[-1])
        assert [state_of(athena, one) for one in waiting] == ["QUEUED", "QUEUED", "QUEUED", "CANCELLED"]
        family = _descendants(running.pid)
        running.kill()
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in family), "the end of its processes")
    with process(tmp_path, lake) as (running, athena):
        status = athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]["Status"]
        assert (status["State"], status["AthenaError"]["Retryable"]) == ("FAILED", True)
        assert "the engine was stopped while the query ran" in status["StateChangeReason"]
        assert rows(athena, ended(athena, waiting[0])) == [["a"], ["7"]]
        assert ended(athena, waiting[1])["Status"]["State"] == "SUCCEEDED"
        assert rows(athena, ended(athena, waiting[2])) == [["labels"]]
        assert state_of(athena, waiting[3]) == "CANCELLED"
        assert {path.name for path in (tmp_path / "results/unloaded").iterdir()} == {"class=Bus", "class=Car"}
        assert (tmp_path / f"results/out/{waiting[0]}.csv").read_bytes() == b'"a"\n"7"\n'
        running.terminate()
    assert running.returncode == 0


@pytest.mark.slow
def test_a_delivery_that_a_kill_cut_short_is_taken_back(lake: Lake, tmp_path: Path) -> None:
    other = tmp_path / "results/unloaded-by-others.txt"
    with process(tmp_path, lake, [sys.executable, "-c", KILLED_IN_DELIVERY]) as (running, athena):
        other.write_text("kept")
        identity = athena.start_query_execution(QueryString=UNLOAD, ResultConfiguration=RESULTS)[
            "QueryExecutionId"
        ]
        running.wait(60)
    assert [path.name for path in _files(tmp_path / "results/unloaded")] == [f"{identity}_data_0.parquet"]
    with process(tmp_path, lake) as (running, athena):
        status = ended(athena, identity)["Status"]
        assert status["State"] == "FAILED"
        assert "the engine was stopped while the query ran" in status["StateChangeReason"]
        until(lambda: _files(tmp_path / "results") == [other], "the removal of what was delivered")
        assert finished(athena, UNLOAD, ResultConfiguration=RESULTS)["Status"]["State"] == "SUCCEEDED"


def test_a_stopped_engine_runs_what_waited_when_it_starts_again(lake: Lake, tmp_path: Path) -> None:
    with served(tmp_path, lake, at_once=1) as url:
        athena = client_of(url, "athena")
        first, second = (
            athena.start_query_execution(QueryString=sql)["QueryExecutionId"]
            for sql in (ENDLESS, "SELECT 5 AS a")
        )
        until(lambda: state_of(athena, first) == "RUNNING")
    with served(tmp_path, lake) as url:
        athena = client_of(url, "athena")
        status = ended(athena, first)["Status"]
        assert (status["State"], status["AthenaError"]["Retryable"]) == ("FAILED", True)
        assert "the engine was stopped while the query ran" in status["StateChangeReason"]
        assert rows(athena, ended(athena, second)) == [["a"], ["5"]]


def test_a_delivery_that_fails_is_taken_back(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brume import storage

    upload = storage.upload

    def no_manifest(file: Path, address: str) -> None:
        if address.endswith("-manifest.csv"):
            raise storage.StorageError("the store is away")
        upload(file, address)

    monkeypatch.setattr(storage, "upload", no_manifest)
    with served(tmp_path, lake) as url:
        status = finished(client_of(url, "athena"), UNLOAD, ResultConfiguration=RESULTS)["Status"]
        assert status["StateChangeReason"] == "HIVE_FILESYSTEM_ERROR: the store is away"
        until(lambda: not _files(tmp_path / "results"), "the removal of what was delivered")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _descendants(parent: int) -> list[int]:
    """Return the processes below one, as the system lists them."""
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
