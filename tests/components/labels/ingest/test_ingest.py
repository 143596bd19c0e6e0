"""Ingest: every row once, whatever happens to the files, the process, or another run beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brume import storage
from brume.labels import demo
from brume.labels.model import ingest
from brume.labels.model.ingest import IngestError
from brume.labels.model.lake import Lake
from brume.lake import part_rewrites
from tests.components.labels.ingest.contents import clean, content, one, rows_of
from tests.components.labels.ingest.outputs import FRAMES, Job, Output, answer, box, frame, small_job


def test_a_second_run_reads_nothing(output: Output, lake: Lake) -> None:
    small_job(output)
    first = ingest.run(output.root, lake)
    assert (first.files, first.read) == (5, 5)
    before = lake.snapshot()
    again = ingest.run(output.root, lake)
    assert (again.files, again.read, again.unchanged) == (5, 0, 5)
    assert again.rows == first.rows
    assert lake.snapshot() == before


def test_a_file_with_another_date_and_the_same_content_is_not_read_again(output: Output, lake: Lake) -> None:
    job = small_job(output)
    ingest.run(output.root, lake)
    parts = lake.snapshot().parts("labels")
    path = Path(output.root, job.folder, "manifests/output/output.manifest")
    os.utime(path, (1, 1))
    assert ingest.run(output.root, lake).read == 0
    assert lake.snapshot().parts("labels") == parts
    number = lake.snapshot().number
    ingest.run(output.root, lake)
    assert lake.snapshot().number == number  # the new date is known now


def test_only_a_new_file_is_read(output: Output, lake: Lake, tmp_path: Path) -> None:
    job = small_job(output)
    ingest.run(output.root, lake)
    job.answers(0, [answer(FRAMES, "late")], iteration=2)
    assert ingest.run(output.root, lake).read == 1
    assert one(lake, "SELECT count(*) FROM answers") == 3
    assert content(lake) == clean(output, tmp_path)


def test_a_replaced_file_has_its_new_rows_alone(output: Output, lake: Lake, tmp_path: Path) -> None:
    job = small_job(output)
    ingest.run(output.root, lake)
    job.sequence(0, [frame(0, box(9, left=500))])
    assert ingest.run(output.root, lake).read == 1
    assert one(lake, "SELECT count(*) FROM labels WHERE item = 0") == 1
    assert one(lake, "SELECT labels FROM items WHERE item = 0") == 1
    assert one(lake, "SELECT labels FROM jobs") == 4
    assert content(lake) == clean(output, tmp_path)


def test_rows_of_a_deleted_file_are_taken_back(output: Output, lake: Lake, tmp_path: Path) -> None:
    job = small_job(output)
    gone = job.sequence(1, FRAMES)
    ingest.run(output.root, lake)
    output.remove(gone)
    summary = ingest.run(output.root, lake)
    assert (summary.read, summary.removed) == (0, 1)
    assert one(lake, "SELECT DISTINCT item FROM labels") == 0
    assert content(lake) == clean(output, tmp_path)


def test_a_lake_that_lost_its_state_is_built_anew_and_nothing_is_doubled(
    output: Output, lake: Lake, tmp_path: Path
) -> None:
    """What a lost bookmark did to the original: rows were appended once more."""
    small_job(output)
    ingest.run(output.root, lake)
    Path(lake.uri, "_brume", "snapshot.json").unlink()
    assert ingest.run(output.root, lake).read == 5
    assert content(lake) == clean(output, tmp_path)


def test_a_deleted_job_is_gone(output: Output, lake: Lake, tmp_path: Path) -> None:
    small_job(output)
    other = small_job(output, "vans")
    ingest.run(output.root, lake)
    output.remove(other.folder)
    ingest.run(output.root, lake)
    assert one(lake, "SELECT job FROM jobs") == "cars"
    assert content(lake) == clean(output, tmp_path)


def test_a_renamed_file_is_under_its_new_name(output: Output, lake: Lake, tmp_path: Path) -> None:
    job = small_job(output, items=1)
    ingest.run(output.root, lake)
    folder = Path(output.root, job.folder, "annotations/consolidated-annotation/output")
    (folder / "0").rename(folder / "7")
    ingest.run(output.root, lake)
    assert one(lake, "SELECT DISTINCT item FROM labels") == 7
    assert content(lake) == clean(output, tmp_path)


def test_new_class_names_reach_the_labels_that_were_read_before(output: Output, lake: Lake) -> None:
    job = Job(output)
    job.sequence(0, [frame(0, {**box(), "object-name": "x"})])
    ingest.run(output.root, lake)
    assert one(lake, "SELECT class FROM labels") is None
    job.manifest([job.line(0, class_map={"0": "Pedestrian"})])
    ingest.run(output.root, lake)
    assert one(lake, "SELECT class FROM labels") == "Pedestrian"


def test_many_small_parts_become_one(output: Output, lake: Lake, tmp_path: Path) -> None:
    job = small_job(output, items=1)
    for item in range(1, part_rewrites.MANY + 3):
        job.sequence(item, [frame(0, box(item, label_category_attributes={f"only_{item}": "x"}))])
        ingest.run(output.root, lake)
    assert len(lake.snapshot().parts("labels")) < part_rewrites.MANY
    assert content(lake) == clean(output, tmp_path)


def test_batch_1_is_not_batch_10(output: Output, lake: Lake) -> None:
    for batch in ("batch-1", "batch-10"):
        small_job(output, f"cars-{batch[6:]}", batch=batch)
    ingest.run(output.root, lake)
    assert one(lake, "SELECT DISTINCT batch, job FROM labels ORDER BY ALL") == [
        ("batch-1", "cars-1"),
        ("batch-10", "cars-10"),
    ]


def test_one_job_name_in_two_batches_is_two_jobs(output: Output, lake: Lake, tmp_path: Path) -> None:
    small_job(output, batch="batch-1")
    small_job(output, batch="batch-10", items=3)
    ingest.run(output.root, lake)
    expected = [("batch-1", 2, 6), ("batch-10", 3, 9)]
    assert one(lake, "SELECT batch, items, labels FROM jobs ORDER BY ALL") == expected
    output.remove("batch_manifests/VideoObjectTracking/batch-10-1-cars")
    ingest.run(output.root, lake)
    assert content(lake) == clean(output, tmp_path)


def test_only_the_modalities_asked_for_are_kept(output: Output, lake: Lake, tmp_path: Path) -> None:
    small_job(output)
    small_job(output, "cars-audit", modality="VideoObjectTrackingAudit")
    clip = Output(Path(output.root, "clip"))  # without a place that names its modality
    clip.write("SeqLabel.json", {"tracking-annotations": FRAMES})
    ingest.run(output.root, lake, ["VideoObjectTrackingAudit"])
    assert one(lake, "SELECT job FROM jobs") == "cars-audit"
    ingest.run(output.root, lake)
    assert one(lake, "SELECT job FROM jobs ORDER BY job") == [("cars",), ("cars-audit",), ("clip",)]
    ingest.run(output.root, lake, ["VideoObjectTracking"])
    assert one(lake, "SELECT job FROM jobs ORDER BY job") == [("cars",), ("clip",)]
    assert content(lake) == clean(output, tmp_path, "VideoObjectTracking")
    before = lake.snapshot()
    assert ingest.run(output.root, lake, ["VideoObjectTracking"]).read == 0
    assert lake.snapshot() == before


def test_a_source_may_be_one_job(output: Output, lake: Lake) -> None:
    job = small_job(output)
    ingest.run(storage.join(output.root, job.folder), lake)
    assert one(lake, "SELECT modality, batch, level, job, labels FROM jobs") == [
        ("VideoObjectTracking", "batch-1", "1", "cars", 6)
    ]


def test_processes_share_the_work(output: Output, lake: Lake, tmp_path: Path) -> None:
    for name in ("cars", "vans"):
        small_job(output, name)
    ingest.run(output.root, lake, processes=2)
    assert content(lake) == clean(output, tmp_path)


@pytest.fixture(scope="module")
def bucket(s3_server: str) -> Iterator[str]:
    boto3.client("s3", endpoint_url=s3_server).create_bucket(Bucket="ingesting")
    yield "s3://ingesting"


def test_source_and_lake_in_an_object_store(bucket: str, tmp_path: Path) -> None:
    output, lake = Output(f"{bucket}/source"), Lake(f"{bucket}/lake")
    job = small_job(output)
    assert ingest.run(output.root, lake).read == 5
    assert ingest.run(output.root, lake).read == 0
    job.sequence(0, [frame(0, box(9))])
    output.remove(f"{job.folder}/annotations/worker-response")
    summary = ingest.run(output.root, lake)
    assert (summary.read, summary.removed) == (1, 2)
    assert content(lake) == clean(output, tmp_path)


def test_an_empty_source_changes_nothing(output: Output, lake: Lake, tmp_path: Path) -> None:
    small_job(output)
    ingest.run(output.root, lake)
    before = content(lake)
    with pytest.raises(FileNotFoundError, match="holds no file"):
        ingest.run(str(tmp_path / "nowhere"), lake)
    Output(tmp_path / "other").write("notes.json", {"any": "thing"})
    with pytest.raises(IngestError, match="no file of Ground Truth"):
        ingest.run(str(tmp_path / "other"), lake)
    assert content(lake) == before


def test_a_source_that_is_mostly_broken_is_refused(output: Output, lake: Lake) -> None:
    job = small_job(output)
    ingest.run(output.root, lake)
    before = content(lake)
    for item in range(2):
        job.sequence(item, "{")
        job.answers(item, "{")
    with pytest.raises(IngestError, match=r"4 of 5 files .*SeqLabel\.json"):
        ingest.run(output.root, lake)
    assert content(lake) == before
    assert all(Path(lake.uri, part.path).exists() for part in lake.snapshot().all_parts)


def test_a_file_that_cannot_be_fetched_ends_the_run_and_the_next_reads_it(
    output: Output, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's failure is a double: a real one cannot be had for one file alone."""
    job = small_job(output, items=3)
    path, read = job.sequence(2, FRAMES), storage.read_bytes

    def fail(uri: str) -> bytes:
        if uri.endswith(path):
            raise storage.StorageError("the object store answered SlowDown")
        return read(uri)

    ingest.run(output.root, lake)
    before = content(lake)
    job.sequence(2, FRAMES[:1])
    with monkeypatch.context() as patch:
        patch.setattr(storage, "read_bytes", fail)
        with pytest.raises(storage.StorageError, match="SlowDown"):
            ingest.run(output.root, lake)
    assert content(lake) == before
    assert ingest.run(output.root, lake).read == 1
    assert content(lake) == clean(output, tmp_path)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["sequence", "answers", "manifest", "describe", "remove", "run"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


@given(OPERATIONS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_to_files_the_lake_is_that_of_the_files_now(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("history")
    output, lake = Output(folder / "source"), Lake(str(folder / "lake"))
    steady = small_job(output, "steady", items=1)
    jobs = [Job(output, "cars", batch=batch) for batch in ("batch-1", "batch-10")]
    jobs.append(Job(output, "audit 100%", level="2", modality="VideoObjectTrackingAudit"))
    ingest.run(output.root, lake)
    for what, which, value in operations:
        job = jobs[which]
        frames = [frame(number, *map(box, range(value)), quality="good") for number in range(value)]
        if what == "sequence":
            job.sequence(value % 2, frames)
        elif what == "answers":
            job.answers(value % 2, [answer(frames, f"w{number}") for number in range(value)])
        elif what == "manifest":
            job.manifest([job.line(item, class_map={"0": f"Class {value}"}) for item in range(value)])
        elif what == "describe":
            status = ("Completed", "Failed", "Stopped", "InProgress")[value]
            job.describe(LabelingJobStatus=status, LabelCounters={"Unlabeled": value})
        elif what == "remove":
            listed = sorted(Path(output.root, job.folder).rglob("*.*"))
            if listed:
                listed[value % len(listed)].unlink()
        else:
            ingest.run(output.root, lake)
    ingest.run(output.root, lake)
    assert content(lake) == clean(output, folder)
    assert steady.name in one(lake, "SELECT list(DISTINCT job) FROM jobs")


def test_a_tree_of_the_generator_counts_as_it_says(lake: Lake, tmp_path: Path) -> None:
    """Labels, answers, states and items of every job are those that the generator wrote."""
    truth = demo.generate(tmp_path / "made", "small")
    summary = ingest.run(str(tmp_path / "made" / demo.TREE), lake)
    assert summary.rows["labels"] == truth.labels
    compared = ["batch", "level", "status", "labelled", "failed", "expired", "answers", "frames", "labels"]
    found = {(row["modality"], row["job"]): row for row in rows_of(lake.connect(), "SELECT * FROM jobs")}
    for job in truth.jobs:
        row = found.pop((job.modality, job.job))
        assert {name: row[name] for name in compared} == {name: getattr(job, name) for name in compared}
        assert row["workers"] == job.workers
    assert not found
    marks = one(lake, "SELECT count(*) FROM answer_labels WHERE kind <> 'frame'")
    assert marks == truth.answer_labels
    changes = {
        (row["change"], row["key"], row["job"]) for row in rows_of(lake.connect(), "SELECT * FROM drift")
    }
    for fault in truth.faults:
        if fault.kind in ("appeared", "vanished", "changed type"):
            assert (fault.kind, fault.object, fault.job) in changes
