"""Kills of the engine within HealthLake's jobs: nothing is lost, and nothing is put twice."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.processes import EngineProcess
from tests.components.records import healthlake as hl
from tests.polling import until

COUNT = 9000


@contextlib.contextmanager
def started(root: Path) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    with EngineProcess(root, "records", {name: root / name for name in ("inputs", "outputs")}) as made:
        yield made.connect("healthlake"), made.process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.mark.slow
def test_kills_within_an_import_and_an_export(tmp_path: Path) -> None:
    for name in ("inputs", "outputs"):
        (tmp_path / name).mkdir()
    for part in range(2):
        people = [{"resourceType": "Patient", "id": f"p-{part}-{one}"} for one in range(COUNT // 2)]
        hl.write(tmp_path / f"inputs/Patient-{part}.ndjson", people)
    with (tmp_path / "inputs/Patient-1.ndjson").open("a") as file:
        file.write("no resource\n")
    with started(tmp_path) as (boto, process):
        store = hl.make_datastore(boto)
        job = hl.start_import(boto, store, "s3://inputs/")
        until(lambda: done_of(hl.import_job(boto, store, job)), "the first resources")
        kill(process)
    with started(tmp_path) as (boto, process):
        before = done_of(hl.import_job(boto, store, job))
        found = hl.imported(boto, store, job)
        report = found["JobProgressReport"]
        assert 0 < before < COUNT and found["JobStatus"] == "COMPLETED_WITH_ERRORS"
        assert report["TotalNumberOfResourcesImported"] == COUNT
        folder = hl.folder_of(tmp_path, found)
        lines = [
            json.loads(line)["response"]
            for path in (folder / "SUCCESS").glob("*.ndjson")
            for line in path.read_text().splitlines()
        ]
        assert len(lines) == COUNT and {one["meta"]["versionId"] for one in lines} == {"1"}
        job = hl.start_export(boto, store)
        first = tmp_path / f"outputs/jobs/{store}-FHIR_EXPORT-{job}/Patient/Patient-0.ndjson"
        until(first.exists, "the first file")
        kill(process)
    with started(tmp_path) as (boto, _):
        hl.exported(boto, store, job)
        text = "".join(path.read_text() for path in sorted(first.parent.iterdir()))
        ids = Counter(json.loads(line)["id"] for line in text.splitlines())
        assert len(ids) == COUNT and set(ids.values()) == {1}
        assert sorted(path.name for path in first.parent.iterdir()) == [
            "Patient-0.ndjson",
            "Patient-1.ndjson",
        ]


def done_of(job: dict[str, Any]) -> int:
    return int((job.get("JobProgressReport") or {}).get("TotalNumberOfResourcesImported", 0))
