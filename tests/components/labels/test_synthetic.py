"""The generated labelling output: equal everywhere, in Ground Truth's formats, as counted."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import botocore.parsers
import botocore.session
import pytest

from brume.labels.demo import TREE, TRUTH, WORKERS, Truth, generate

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "small"
    return folder, generate(folder, "small")


def digest(folder):
    content = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return content.hexdigest()


def test_equal_arguments_give_equal_bytes_in_every_process(made, tmp_path):
    folder, _ = made
    command = [sys.executable, "-m", "brume.labels.demo", str(tmp_path / "again")]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "America/Bogota", "LC_ALL": "C"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert digest(tmp_path / "again") == digest(folder)
    assert "58 planted faults" in ended.stdout


def test_another_seed_is_another_tree_with_the_same_faults(made, tmp_path):
    _, truth = made
    other = generate(tmp_path / "other", "small", seed=1)
    assert [(fault.kind, fault.job, fault.item) for fault in other.faults] == [
        (fault.kind, fault.job, fault.item) for fault in truth.faults
    ]
    assert {user.sub for user in other.users}.isdisjoint(user.sub for user in truth.users)


def test_a_folder_is_taken_over_or_replaced_whole_and_nothing_else_is_touched(made, tmp_path):
    folder = tmp_path / "kept"
    shutil.copytree(made[0], folder)
    mark = folder / TREE / "mark"
    mark.touch()
    assert generate(folder, "small") == made[1] == Truth.load(folder / TRUTH)
    assert mark.exists()
    assert generate(folder, "small", seed=2).seed == 2
    assert not mark.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"kept"}

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="name a new or an empty folder"):
        generate(foreign, "small")
    assert (foreign / "thesis.txt").read_text() == "mine"


def test_a_run_that_breaks_off_leaves_nothing_that_looks_whole(tmp_path, monkeypatch):
    # The failure of a disk is played: a full one cannot be had here.
    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Truth, "save", full)
    with pytest.raises(OSError, match="No space"):
        generate(tmp_path / "tree", "small")
    assert list(tmp_path.iterdir()) == []


def readable(path):
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def labels_in(record):
    """Count labels in an answer, a SeqLabel.json or a manifest line's value, by their shapes alone."""
    if isinstance(record, list):
        return sum(labels_in(one) for one in record)
    if not isinstance(record, dict):
        return 0
    if record.keys() & {"label", "class-id", "classId", "class_id"}:
        return 1
    own = len(record.get("labelMappings", ()))
    return own + sum(labels_in(value) for key, value in record.items() if key != "labels")


def counted(folder, job):
    """Count one job's files from the outside, knowing nothing of how they were made."""
    place = folder / TREE / "batch_manifests" / job.modality / f"{job.batch}-{job.level}-{job.job}" / "output"
    files = [path for path in place.rglob("*") if path.suffix in (".json", ".manifest")]
    kept = [path for path in files if not {"temp", "intermediate"} & set(path.parts)]
    responses = [readable(path) for path in kept if "worker-response" in path.parts]
    answers = [answer for response in responses if response for answer in response["answers"]]
    sequences = [readable(path) for path in kept if path.name == "SeqLabel.json"]
    frames = [frame for one in sequences if one for part in one.values() for frame in part]
    labels = sum(len(frame["annotations"]) for frame in frames)
    states = {"labelled": 0, "failed": 0, "expired": 0}
    lines = [line for path in kept if path.suffix == ".manifest" for line in path.read_bytes().splitlines()]
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        name = [key for key in record if key.endswith("-metadata")][-1].removesuffix("-metadata")
        described = record[f"{name}-metadata"]
        reason = described.get("failure-reason")
        states["labelled" if not reason else "expired" if "expired" in reason else "failed"] += 1
        if reason or sequences:
            continue
        if "class-name" in described:
            labels += 1
        elif "internal-color-map" in described:
            labels += len(described["internal-color-map"]) - 1
        else:
            labels += labels_in(record[name])
    if not lines:
        states["labelled"] = len(sequences)
    return {
        "files": len(files),
        "answers": len(answers),
        "frames": len(frames),
        "labels": labels,
        "answer_labels": sum(labels_in(answer["answerContent"]) for answer in answers),
        **states,
    }


def test_the_counts_are_those_of_the_files(made):
    folder, truth = made
    for job in truth.jobs:
        counts = counted(folder, job)
        assert counts == {key: getattr(job, key) for key in counts}, job.job
        assert job.labelled + job.failed + job.expired + job.missing == job.items
    assert truth.files == sum(job.files for job in truth.jobs)
    assert truth.annotations == sum(job.labels + job.answer_labels for job in truth.jobs)


def test_batches_levels_and_modalities_are_there(made):
    _, truth = made
    assert {job.batch for job in truth.jobs} == {"batch-1", "batch-2", "batch-10"}
    assert {job.level for job in truth.jobs} == {"1", "2"}
    assert {job.modality for job in truth.jobs} == {
        "VideoObjectTracking",
        "VideoObjectTrackingAudit",
        "VideoObjectDetection",
        "ImageClassification",
        "BoundingBox",
        "SemanticSegmentation",
        "Polylines",
        "TextClassification",
        "NamedEntityRecognition",
    }
    assert {job.status for job in truth.jobs} == {
        "Completed",
        "Failed",
        "Stopped",
        "InProgress",
        "Incomplete",
    }


def test_descriptions_are_what_describe_labeling_job_answers(made):
    folder, truth = made
    shape = (
        botocore.session.get_session()
        .get_service_model("sagemaker")
        .operation_model("DescribeLabelingJob")
        .output_shape
    )
    found = list((folder / TREE).rglob("labeling-job.json"))
    assert len(found) == sum(job.described for job in truth.jobs)
    for path in found:
        record = json.loads(path.read_bytes())
        assert not strays(record, shape)
        # botocore reads it as an answer of the service, times as text and as numbers alike.
        response = {"body": path.read_bytes(), "headers": {}, "status_code": 200}
        answer = botocore.parsers.create_parser("json").parse(response, shape)
        assert answer["CreationTime"] <= answer["LastModifiedTime"]
        job = truth.job(path.parent.name)
        assert answer["LabelingJobStatus"] == job.status
        assert answer.get("FailureReason", "") == job.reason
        counters = answer["LabelCounters"]
        assert counters["HumanLabeled"] == counters["TotalLabeled"] <= job.items
        ends = ("TotalLabeled", "FailedNonRetryableError", "Unlabeled")
        assert sum(counters[end] for end in ends) == job.items


def strays(record, shape, path=""):
    """Return the members that a service model does not know or that it misses."""
    if shape.type_name == "structure":
        missing = {f"{path}/{name} is missing" for name in shape.required_members if name not in record}
        for name, value in record.items():
            if name not in shape.members:
                missing.add(f"{path}/{name} is unknown")
            else:
                missing |= strays(value, shape.members[name], f"{path}/{name}")
        return missing
    if shape.type_name == "list":
        return {stray for value in record for stray in strays(value, shape.member, path)}
    allowed = shape.metadata.get("enum")
    return {f"{path} is {record}"} if allowed and record not in allowed else set()


def test_manifest_lines_have_the_members_of_their_type(made):
    folder, truth = made
    needed = {
        "groundtruth/video-object-tracking": {"class-map"},
        "groundtruth/video-object-detection": {"class-map"},
        "groundtruth/image-classification": {"class-name", "confidence"},
        "groundtruth/object-detection": {"objects", "class-map"},
        "groundtruth/semantic-segmentation": {"internal-color-map"},
        "groundtruth/text-classification": {"class-name", "confidence"},
        "groundtruth/text-span": {"entities"},
        "groundtruth/custom": set(),
    }
    common = {"job-name", "human-annotated", "creation-date", "type"}
    seen = set()
    for path in (folder / TREE).rglob("manifests/output/output.manifest"):
        job = truth.job(path.parts[-4])
        for number, line in enumerate(path.read_bytes().splitlines()):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            (*_, last) = record
            described = record[last]
            assert described["type"] == job.type
            seen.add(job.type)
            assert common <= described.keys()
            assert ("source" if job.type.startswith("groundtruth/text") else "source-ref") in record
            if "failure-reason" in described:
                continue
            assert needed[job.type] <= described.keys()
            if isinstance(reference := record[last.removesuffix("-metadata")], str):
                assert (folder / TREE / reference.split("/", 3)[3]).is_file(), number
            if job.level == "2":
                assert described["adjustment-status"] in ("adjusted", "unadjusted")
                assert len(record) == 5  # the first level's label goes along
    assert seen == needed.keys()


def test_the_people_are_130_most_of_them_listed(made):
    folder, truth = made
    assert len(truth.users) == 130
    with (folder / WORKERS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["sub", "name", "email", "team"]
    assert {row["sub"] for row in rows} == {user.sub for user in truth.users if user.listed}
    (unlisted,) = [user for user in truth.users if not user.listed]
    assert [fault.worker for fault in truth.of("unlisted")] == [unlisted.sub]
    assert [row["sub"] for row in rows if not row["email"]] == [
        fault.worker for fault in truth.of("no email")
    ]
    emails = [row["email"] for row in rows if row["email"]]
    assert len(set(emails)) == len(emails)
    assert all(email.endswith("@example.com") for email in emails)


@pytest.mark.long
def test_the_full_tree_has_2000_files_and_800000_annotations(tmp_path):
    truth = generate(tmp_path / "full", "full")
    assert truth.files == sum(
        path.suffix in (".json", ".manifest") for path in (tmp_path / "full" / TREE).rglob("*")
    )
    assert truth.files == 2000
    assert truth.annotations == pytest.approx(800_000, rel=0.01)
    for job in truth.jobs:
        counts = counted(tmp_path / "full", job)
        assert counts == {key: getattr(job, key) for key in counts}, job.job
