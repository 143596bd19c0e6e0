"""Where files stand: modality, batch, level, job and data object from a path."""

from __future__ import annotations

import pytest

from brume.labels.model.ingest.layout import Place, place, split

JOB = "s3://bucket/any/batch_manifests/VideoObjectTracking/batch-1-2-cars/output/cars"


@pytest.mark.parametrize(
    ("below", "kind", "item", "iteration"),
    [
        ("annotations/consolidated-annotation/output/12/SeqLabel.json", "sequence", 12, None),
        ("annotations/worker-response/iteration-3/12/2024-01-01_10:00:00.json", "answers", 12, 3),
        ("manifests/output/output.manifest", "manifest", None, None),
        ("labeling-job.json", "", None, None),
        ("annotations/intermediate/12/SeqLabel.json", "ignored", None, None),
        (
            "annotations/consolidated-annotation/consolidation-request/iteration-1/x.json",
            "ignored",
            None,
            None,
        ),
        ("annotations/consolidated-annotation/output/0_2024-01-01T10:00:00.png", "ignored", None, None),
        ("manifests/intermediate/1/output.manifest", "ignored", None, None),
        ("temp/output.manifest", "ignored", None, None),
        ("annotations/consolidated-annotation/output/1/.SeqLabel.json", "ignored", None, None),
    ],
)
def test_files_of_a_job(below: str, kind: str, item: int | None, iteration: int | None) -> None:
    found = place(f"{JOB}/{below}")
    assert (found.kind, found.item, found.iteration) == (kind, item, iteration)
    assert (found.modality, found.batch, found.level, found.job) == (
        "VideoObjectTracking",
        "batch-1",
        "2",
        "cars",
    )


@pytest.mark.parametrize(
    ("folder", "job", "batch", "level"),
    [
        ("batch-1-2-cars", "cars", "batch-1", "2"),
        ("batch-10-2-cars", "cars", "batch-10", "2"),
        ("batch-1-2-night-cars-3", "night-cars-3", "batch-1", "2"),
        ("batch-1-2-batch-1-2", "batch-1-2", "batch-1", "2"),
        ("b-1-Süd 100%", "Süd 100%", "b", "1"),
        ("cars-cars", "cars", "cars", ""),
        ("cars", "cars", "", ""),
    ],
)
def test_batch_and_level(folder: str, job: str, batch: str, level: str) -> None:
    assert split(folder, job) == (batch, level)
    found = place(f"/data/batch_manifests/V/{folder}/output/{job}/manifests/output/output.manifest")
    assert (found.batch, found.level, found.job) == (batch, level, job)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/d/clip/SeqLabel.json", Place("", "d/clip")),
        ("/d/clip/any.manifest", Place("manifest", "d/clip")),
        ("/d/clip/photo.jpg", Place("ignored", "d/clip")),
        (
            "/d/job/annotations/consolidated-annotation/output/4/SeqLabel.json",
            Place("sequence", "d/job", item=4),
        ),
        ("/d/job/manifests/output/output.manifest", Place("manifest", "d/job")),
        # The input of a job stands beside the jobs' folders: its labels are in the job that made them.
        (
            "/d/batch_manifests/V/batch-1-2-audit/input.manifest",
            Place("ignored", "d/batch_manifests/V/batch-1-2-audit"),
        ),
    ],
)
def test_files_outside_of_the_layout(path: str, expected: Place) -> None:
    assert place(path) == expected
