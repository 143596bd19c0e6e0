"""The states of data objects and jobs, from files and from SageMaker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brume.labels.model import ingest
from brume.labels.model.lake import Lake
from tests.components.labels.ingest.ingested import Read
from tests.components.labels.ingest.outputs import Job, Output, answer, box, frame


def test_what_became_of_data_objects(output: Output, read: Callable[[], Read]) -> None:
    job = Job(output)
    for item in (0, 5):
        job.sequence(item, [frame(0, box(1))])
    job.sequence(1, "{")
    job.answers(4, [answer([])])
    lines: list[Any] = [job.line(0), job.line(1)]
    for reason in ("Task expired before it was answered", "ClientError: not an image"):
        lost = job.line(0, failure_reason=reason)
        del lost["cars-ref"]
        lines.append(lost)
    job.manifest([*lines, "[not JSON"])
    job.describe(LabelCounters={"TotalLabeled": 2, "FailedNonRetryableError": 2, "Unlabeled": 3})
    rows = read().rows("SELECT item, state, reason FROM items ORDER BY item")
    assert [tuple(row.values()) for row in rows] == [
        (0, "labelled", None),
        (1, "labelled", "its annotations cannot be read"),
        (2, "expired", "Task expired before it was answered"),
        (3, "failed", "ClientError: not an image"),
        (4, "missing", "its line in the manifest cannot be read"),
        (5, "missing", "it has annotations, but no line in an output manifest"),
        (6, "missing", "the job has not come to it"),
    ]


@pytest.mark.parametrize(
    ("described", "manifest", "status"),
    [
        (None, True, "Completed"),
        (None, False, "Incomplete"),
        ("Failed", True, "Failed"),
        ("Stopping", True, "Stopped"),
        ("Initializing", False, "InProgress"),
    ],
)
def test_a_job_is_what_it_is(
    output: Output, read: Callable[[], Read], described: str | None, manifest: bool, status: str
) -> None:
    """For the original every job was complete."""
    job = Job(output)
    job.sequence(0, [frame(0, box(1))])
    if manifest:
        job.manifest([job.line(0)])
    if described:
        job.describe(LabelingJobStatus=described, FailureReason="because", CreationTime=1709283600.0)
    row = read().one("SELECT status, reason, created, type FROM jobs")
    assert row["status"] == status
    if described:
        assert (row["reason"], row["created"]) == ("because", datetime(2024, 3, 1, 9, tzinfo=UTC))


def test_sagemakers_description_goes_before_a_files(output: Output, tmp_path: Path) -> None:
    job = Job(output)
    job.sequence(0, [frame(0)])
    job.describe(LabelingJobStatus="InProgress")
    lake = Lake(str(tmp_path / "lake"))
    asked: list[list[str]] = []

    def describe(names: list[str]) -> dict[str, dict[str, Any]]:
        asked.append(names)
        return {"cars": {"LabelingJobStatus": "Failed", "FailureReason": "no workers"}}

    ingest.run(output.root, lake)
    assert lake.table("jobs", columns=["status"]).to_pylist() == [{"status": "InProgress"}]
    ingest.run(output.root, lake, describe=describe)
    row = {"status": "Failed", "reason": "no workers"}
    assert lake.table("jobs", columns=list(row)).to_pylist() == [row]
    ingest.run(output.root, lake, describe=describe)
    assert asked == [["cars"], []]  # a job that has ended is not asked for again
