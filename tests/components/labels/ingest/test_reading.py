"""Reading sequences, answers and manifests: every spelling, and no key or record lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.components.labels.ingest.ingested import Read
from tests.components.labels.ingest.outputs import Job, Output, answer, box, frame, still


def test_a_sequence(output: Output, read: Callable[[], Read]) -> None:
    job = Job(output, batch="batch-10", level="2")
    path = job.sequence(3, [frame(0, quality="good"), frame(1, box(1, left=20.5), number=2)])
    job.manifest([job.line(3, class_map={"0": "Car"})])
    found = read()
    assert found.one("SELECT * FROM labels") == {
        **dict.fromkeys(["vertices", "start", "end", "confidence", "line"]),
        "modality": "VideoObjectTracking",
        "batch": "batch-10",
        "level": "2",
        "job": "cars",
        "item": 3,
        "frame_no": 1,
        "frame": "frame_0001.jpeg",
        "kind": "box",
        "class": "Car",
        "class_id": "0",
        "object_id": "id-1",
        "object_name": "Vehicle:1",
        "left": 20.5,
        "top": 10.0,
        "width": 40.0,
        "height": 30.0,
        "attributes": {"moving": "yes"},
        "extra": {},
        "file": path,
    }
    assert found.rows("SELECT frame_no, labels, attributes FROM frames ORDER BY frame_no") == [
        {"frame_no": 0, "labels": 0, "attributes": {"quality": "good"}},
        {"frame_no": 1, "labels": 1, "attributes": {"number": "2"}},
    ]
    nested = found.one('SELECT "tracking-annotations" FROM annotations_batch_manifests')
    assert nested[1]["frame-attributes"] == {"quality": None, "number": "2"}
    assert nested[1]["annotations"][0]["label-category-attributes"] == {"moving": "yes"}
    assert (found.one("SELECT partition_0 FROM annotations_batch_manifests"), nested[0]["annotations"]) == (
        "VideoObjectTracking",
        [],
    )
    assert found.one("SELECT state, labels, frames, human, line FROM items") == {
        "state": "labelled",
        "labels": 1,
        "frames": 2,
        "human": True,
        "line": 1,
    }


def test_detection_without_objects(output: Output, read: Callable[[], Read]) -> None:
    line = {"class-id": "1", "vertices": [{"x": 1, "y": 2.5}, {"x": 3, "y": 4}]}
    Job(output, modality="VideoObjectDetection").sequence(0, {"detection-annotations": [frame(0, line)]})
    found = read()
    label = found.one("SELECT kind, object_id, vertices FROM labels")
    assert label["vertices"] == [{"x": 1.0, "y": 2.5, "z": None}, {"x": 3.0, "y": 4.0, "z": None}]
    assert (label["kind"], label["object_id"]) == ("polyline", None)
    assert found.one('SELECT "tracking-annotations" FROM annotations_batch_manifests') is None


def test_keys_are_read_in_every_spelling(output: Output, read: Callable[[], Read]) -> None:
    camel = {
        "frameNo": "4",
        "frame": "f",
        "frameAttributes": {"quality": "good"},
        "annotations": [
            {
                "height": 1,
                "width": 2,
                "top": 3,
                "left": 4,
                "classId": 7,
                "objectId": "o",
                "objectName": "Car:1",
                "labelCategoryAttributes": {"moving": True},
            }
        ],
    }
    job = Job(output)
    job.sequence(0, [frame(4, box(1))])
    job.answers(0, [answer([camel])])
    found = read()
    label = found.one("SELECT * FROM answer_labels WHERE kind <> 'frame'")
    expected = {"frame_no": 4, "class": "Car", "class_id": "7", "object_id": "o"}
    assert {key: label[key] for key in expected} == expected
    assert (label["attributes"], label["extra"]) == ({"moving": "true"}, {})
    assert found.one("SELECT attributes FROM answer_labels WHERE kind = 'frame'") == {"quality": "good"}


def test_a_key_that_first_appears_in_the_fortieth_file(output: Output, read: Callable[[], Read]) -> None:
    """DuckDB's own reader of JSON looks at 32 files and drops what comes later."""
    job = Job(output)
    for item in range(40):
        job.sequence(item, [frame(0, box(item))])
    late = {"moving": "yes", "occluded": "no"}
    path = job.sequence(39, [frame(0, {**box(1), "label-category-attributes": late, "depth": {"far": 1}})])
    found = read()
    assert found.one("SELECT attributes, extra FROM labels WHERE item = 39") == {
        "attributes": late,
        "extra": {"depth": '{"far":1}'},
    }
    query = """SELECT a."label-category-attributes".occluded AS occluded FROM annotations_batch_manifests,
               unnest("tracking-annotations") AS t(f), unnest(f.annotations) AS u(a) WHERE item = 39"""
    assert found.one(query) == "no"
    keys = {(row["record"], row["key"]): row for row in found.rows("SELECT * FROM keys")}
    assert keys["label attribute", "occluded"]["count"] == 1
    assert keys["label", "depth"]["known"] is False
    rows = found.rows("SELECT * FROM drift")
    assert {(row["record"], row["key"], row["change"]): row["file"] for row in rows} == {
        ("label attribute", "occluded", "appeared"): path,
        ("label", "depth", "appeared"): path,
    }


def test_an_attribute_of_many_types(output: Output, read: Callable[[], Read]) -> None:
    job = Job(output)
    values = [3, "3", 1.5, True, None, ["a"], {"b": 1}]
    labels = [box(number, label_category_attributes={"size": value}) for number, value in enumerate(values)]
    job.sequence(0, [frame(0, *labels)])
    found = read()
    rows = found.rows("SELECT attributes FROM labels ORDER BY object_id")
    expected = ["3", "3", "1.5", "true", None, '["a"]', '{"b":1}']
    assert [row["attributes"]["size"] for row in rows] == expected
    kind = found.one("SELECT type FROM keys WHERE key = 'size'")
    assert kind == "array|boolean|null|number|object|string"
    assert found.one("SELECT change FROM drift WHERE key = 'size'") == "changed type"


def test_attributes_that_differ_by_case_alone(output: Output, read: Callable[[], Read]) -> None:
    first, second = ({"Moving": "a"}, {"moving": "b"})
    labels = [box(number, label_category_attributes=one) for number, one in enumerate((first, second))]
    Job(output).sequence(0, [frame(0, *labels)])
    found = read()
    assert [row["attributes"] for row in found.rows("SELECT attributes FROM labels ORDER BY object_id")] == [
        first,
        second,
    ]
    query = """SELECT a."label-category-attributes".moving AS it FROM annotations_batch_manifests,
               unnest("tracking-annotations") AS t(f), unnest(f.annotations) AS u(a) ORDER BY it"""
    assert [row["it"] for row in found.rows(query)] == ["a", "b"]


def test_all_answers_of_a_file(output: Output, read: Callable[[], Read]) -> None:
    """The original kept the first."""
    frames = [frame(0, box(1), quality="good")]
    job = Job(output)
    path = job.answers(5, [answer(frames, "a"), answer(frames, "b"), answer([], "c")], iteration=2)
    found = read()
    assert found.rows("SELECT answer, worker, labels, frames FROM answers ORDER BY answer") == [
        {"answer": 0, "worker": "a", "labels": 1, "frames": 1},
        {"answer": 1, "worker": "b", "labels": 1, "frames": 1},
        {"answer": 2, "worker": "c", "labels": 0, "frames": 0},
    ]
    first = found.one("SELECT * FROM answers WHERE answer = 0")
    assert first["entries"][0]["annotations"][0]["object-id"] == "id-1"
    assert (first["item"], first["iteration"], first["seconds"], first["file"]) == (5, 2, 90.5, path)
    assert (first["worker_id"], first["provider"], first["issuer"]) == (
        "private.a",
        "Cognito",
        "https://issuer",
    )
    assert first["accepted"] == datetime(2024, 3, 1, 9, tzinfo=UTC)
    kinds = found.rows("SELECT worker, kind FROM answer_labels ORDER BY ALL")
    assert [tuple(row.values()) for row in kinds] == [(w, k) for w in "ab" for k in ("box", "frame")]


def test_further_keys_of_an_answer_are_kept(output: Output, read: Callable[[], Read]) -> None:
    content = {"trackingAnnotations": {"frameData": {"entries": [frame(0)]}, "note": "dark"}}
    one = answer(content, mood="good")
    one["workerMetadata"]["team"] = 7
    Job(output).answers(0, {"answers": [one], "batch": {"id": 1}})
    found = read().one("SELECT extra, content FROM answers")
    assert json.loads(found["content"]) == {"trackingAnnotations": {"note": "dark"}}
    assert {key: json.loads(value) for key, value in found["extra"].items()} == {
        "mood": "good",
        "batch": {"id": 1},
        "workerMetadata": one["workerMetadata"],
    }


def test_a_chain_of_jobs_in_a_line(output: Output, read: Callable[[], Read]) -> None:
    """An adjustment job's lines hold the labels of the job before too, which are not its own."""
    boxes = {"annotations": [{"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}]}
    job = Job(output, "adjust", modality="BoundingBox")
    line = still("first", boxes, type="groundtruth/object-detection", class_map={"0": "Car"})
    more = {"type": "groundtruth/object-detection", "adjustment_status": "adjusted"}
    job.manifest([{**line, **still("adjust", boxes, **more, class_map={"0": "Bus"}), "camera": "north"}])
    found = read()
    assert found.one("SELECT class, line FROM labels") == {"class": "Bus", "line": 1}
    item = found.one("SELECT attribute, adjustment FROM items")
    assert item == {"attribute": "adjust", "adjustment": "adjusted"}
    rows = found.rows('SELECT attribute, ref, "job-name" AS job FROM output_manifest ORDER BY attribute')
    assert [(row["attribute"], row["job"]) for row in rows] == [
        ("adjust", "labeling-job/adjust"),
        ("camera", None),
        ("first", "labeling-job/first"),
    ]
    assert rows[1]["ref"] == "north"


@pytest.mark.parametrize("name", ["Süd 100%", "a=b", 'it\'s "quoted"', "a;b--", "{}", "x" * 120])
def test_a_job_may_be_called_anything(output: Output, read: Callable[[], Read], name: str) -> None:
    job = Job(output, name)
    job.sequence(0, [frame(0, box(1))])
    job.answers(0, [answer([frame(0, box(1))])])
    found = read()
    for table in ("labels", "answers", "items", "jobs"):
        assert found.one(f"SELECT DISTINCT job FROM {table}") == name
    assert found.summary.rejects == 0


def test_a_file_name_that_is_no_text(output: Output, read: Callable[[], Read]) -> None:
    job = Job(output)
    path = job.answers(0, [answer([])])
    file = Path(output.root, path)
    file.rename(file.with_name("2024\udcff.json"))
    assert read().one("SELECT file FROM answers").endswith("/2024\\xff.json")


def test_real_files_of_a_public_sample(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    """A tracking job's SeqLabel.json and manifest, and the manifest of a classification job."""
    source = Output(real_data("labels"))
    found = Read(source, tmp_path)
    jobs = {row["job"]: row for row in found.rows("SELECT * FROM jobs")}
    video, birds = jobs["nfl-5788-000634-endzone-vot"], jobs["bird-image-classification-1634678978"]
    assert (video["modality"], video["status"], video["frames"]) == ("VideoObjectTracking", "Completed", 307)
    assert (video["labels"], video["items"]) == (4180, 1)
    assert (birds["modality"], birds["labels"], birds["items"]) == ("ImageClassification", 477, 477)
    assert found.summary.rejects == 0
    classes = found.rows("SELECT class, count(*) AS n FROM labels WHERE job LIKE 'nfl%' GROUP BY class")
    assert classes == [{"class": "HEL", "n": 4180}]
