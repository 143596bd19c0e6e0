"""What files say: every kind of label, every spelling, every fault, and no key or record lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brume.labels.model import ingest
from brume.labels.model.lake import Lake
from tests.components.labels.ingest.contents import rows_of
from tests.components.labels.ingest.outputs import Job, Output, answer, box, frame, still


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path / "source")


class Read:
    """A source that was ingested, and its rows."""

    def __init__(self, output: Output, folder: Path) -> None:
        self.lake = Lake(str(folder / "lake"))
        self.summary = ingest.run(output.root, self.lake)
        self._connection = self.lake.connect()

    def rows(self, query: str) -> list[dict[str, Any]]:
        return rows_of(self._connection, query)

    def one(self, query: str) -> Any:
        (row,) = self.rows(query)
        return next(iter(row.values())) if len(row) == 1 else row

    def rejects(self, job: str = "cars") -> list[tuple[Any, ...]]:
        """Return file name, line, field and reason of what a job has in the table of rejects."""
        found = [row for row in self.rows("SELECT * FROM rejects") if row["job"] == job]
        assert all(row["file"] and row["reason"] and row["remedy"] for row in found)
        return [(Path(row["file"]).name, row["line"], row["field"], row["reason"]) for row in found]


@pytest.fixture
def read(output: Output, tmp_path: Path) -> Callable[[], Read]:
    return lambda: Read(output, tmp_path)


def known(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a label that hold something, without its place."""
    place = ("modality", "batch", "level", "job", "item", "file", "line")
    return {key: value for key, value in row.items() if value not in (None, {}) and key not in place}


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


STILLS: list[tuple[str, Any, dict[str, Any], list[dict[str, Any]]]] = [
    (
        "image-classification",
        1,
        {"class_name": "Car", "confidence": 0.9},
        [{"kind": "class", "class": "Car", "class_id": "1", "confidence": 0.9}],
    ),
    (
        "image-classification-multilabel",
        [0, 2],
        {"class_map": {"0": "Car", "2": "Bus"}, "confidence_map": {"0": 0.5, "2": 0.7}},
        [
            {"kind": "class", "class": "Car", "class_id": "0", "confidence": 0.5},
            {"kind": "class", "class": "Bus", "class_id": "2", "confidence": 0.7},
        ],
    ),
    (
        "object-detection",
        {
            "image_size": [{"width": 640, "height": 480, "depth": 3}],
            "annotations": [{"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}],
        },
        {"class_map": {"0": "Car"}, "objects": [{"confidence": 0.8}]},
        [
            {"kind": "box", "class": "Car", "class_id": "0", "confidence": 0.8}
            | {"left": 1.0, "top": 2.0, "width": 3.0, "height": 4.0}
        ],
    ),
    (
        "semantic-segmentation",
        "s3://b/mask.png",
        {
            "internal_color_map": {
                "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff", "confidence": 0.1},
                "1": {"class-name": "Road", "hex-color": "#2acf59", "confidence": 0.6},
            }
        },
        [
            {"kind": "mask", "class": "Road", "class_id": "1", "confidence": 0.6}
            | {"attributes": {"hex-color": "#2acf59"}}
        ],
    ),
    (
        "polylines",
        {"annotations": [{"class_id": 0, "vertices": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}]},
        {"class_map": {"0": "Lane"}},
        [
            {"kind": "polyline", "class": "Lane", "class_id": "0"}
            | {"vertices": [{"x": 1.0, "y": 2.0, "z": None}, {"x": 3.0, "y": 4.0, "z": None}]}
        ],
    ),
    (
        "polygons",
        {"polygons": [{"label": "Roof", "vertices": [[1, 2], [3, 4], [5, 6]]}]},
        {},
        [
            {"kind": "polygon", "class": "Roof"}
            | {"vertices": [{"x": x, "y": x + 1.0, "z": None} for x in (1.0, 3.0, 5.0)]}
        ],
    ),
    (
        "keypoints",
        {"keypoints": [{"label": "Nose", "x": 1, "y": 2}]},
        {},
        [{"kind": "keypoint", "class": "Nose", "vertices": [{"x": 1.0, "y": 2.0, "z": None}]}],
    ),
    (
        "text-span",
        {
            "annotations": {
                "labels": [{"label": "PARTY"}],
                "entities": [{"startOffset": 4, "endOffset": 9, "label": "PARTY"}],
            }
        },
        {"entities": [{"confidence": 0.4}]},
        [{"kind": "entity", "class": "PARTY", "start": 4, "end": 9, "confidence": 0.4}],
    ),
    (
        "label-verification",
        0,
        {"class_name": "good"},
        [{"kind": "class", "class": "good", "class_id": "0"}],
    ),
]


@pytest.mark.parametrize(("task", "value", "metadata", "labels"), STILLS, ids=[case[0] for case in STILLS])
def test_labels_of_stills(
    output: Output,
    read: Callable[[], Read],
    task: str,
    value: Any,
    metadata: dict[str, Any],
    labels: list[dict[str, Any]],
) -> None:
    job = Job(output, modality="Any")
    job.manifest([still(job.name, value, type=f"groundtruth/{task}", **metadata)])
    found = read()
    assert [known(row) for row in found.rows("SELECT * FROM labels ORDER BY class_id")] == labels
    assert found.one("SELECT labels FROM items") == len(labels)
    assert json.loads(found.one("SELECT metadata FROM output_manifest"))["type"] == f"groundtruth/{task}"
    if task == "object-detection":
        assert found.one("SELECT width, height FROM items") == {"width": 640.0, "height": 480.0}


CONTENTS: list[tuple[Any, list[dict[str, Any]]]] = [
    ({"crowd-image-classifier": {"label": "Car"}}, [{"kind": "class", "class": "Car"}]),
    (
        {"any-name": {"labels": ["Car", "Bus"]}},
        [{"kind": "class", "class": "Car"}, {"kind": "class", "class": "Bus"}],
    ),
    (
        {
            "boundingBox": {
                "boundingBoxes": [{"left": 1, "top": 2, "width": 3, "height": 4, "label": "Car"}],
                "inputImageProperties": {"width": 640, "height": 480},
            }
        },
        [{"kind": "box", "class": "Car", "left": 1.0, "top": 2.0, "width": 3.0, "height": 4.0}],
    ),
    (
        {"crowd-entity-annotation": {"entities": [{"startOffset": 1, "endOffset": 2, "label": "DATE"}]}},
        [{"kind": "entity", "class": "DATE", "start": 1, "end": 2}],
    ),
    (
        {"crowd-semantic-segmentation": {"labelMappings": {"Road": {"color": "#fff"}}, "labeledImage": {}}},
        [{"kind": "mask", "class": "Road", "attributes": {"color": "#fff"}}],
    ),
    (
        {"lanes": {"polylines": [{"label": "Lane", "vertices": [{"x": 1, "y": 2}]}]}},
        [{"kind": "polyline", "class": "Lane", "vertices": [{"x": 1.0, "y": 2.0, "z": None}]}],
    ),
    ('{"crowd-classifier": {"label": "Car"}}', [{"kind": "class", "class": "Car"}]),
    ({"comment": "none of these"}, []),
]


@pytest.mark.parametrize(("value", "labels"), CONTENTS)
def test_labels_in_answers(
    output: Output, read: Callable[[], Read], value: Any, labels: list[dict[str, Any]]
) -> None:
    Job(output, modality="Any").answers(0, [answer(value)])
    found = read()
    rows = [known(row) for row in found.rows("SELECT * FROM answer_labels")]
    assert [{key: row[key] for key in row if key not in ("answer", "worker")} for row in rows] == labels
    said = json.loads(value) if isinstance(value, str) else value
    assert json.loads(found.one("SELECT content FROM answers")) == said
    assert found.one("SELECT labels FROM answers") == len(labels)


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


def test_sagemakers_own_word_goes_before_a_files(output: Output, tmp_path: Path) -> None:
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


FAULTS: list[tuple[str, Any, tuple[int | None, str, str]]] = [
    ("sequence", '{"tracking-annotations": [{"frame-no"', (1, "", "the file ends in the middle")),
    ("sequence", b'{"tracking-annotations": "\xff"}', (1, "", "byte 26 is no UTF-8")),
    ("sequence", "", (None, "", "the file is empty")),
    ("sequence", "[" * 5000, (1, "", "it is not JSON")),
    ("sequence", {"other": 1}, (None, "tracking-annotations or detection-annotations", "no such key")),
    ("sequence", {"tracking-annotations": 5}, (None, "frames", "5 is not a list")),
    ("sequence", [frame(0), 7], (None, "frames", "7 is not an object")),
    ("sequence", [{**frame(0), "annotations": {"a": 1}}], (None, "annotations", "is not a list")),
    ("sequence", [frame(0, box(1), "x")], (None, "annotations", "x is not an object")),  # type: ignore[arg-type]
    ("sequence", [frame(0, box(1, left="far"))], (None, "left", "far is not a number")),
    ("sequence", [frame(0, box(1, vertices=[1]))], (None, "vertices", "is not a list of points")),
    ("sequence", [{**frame(0), "frame-no": "first"}], (None, "frame-no", "first is not a whole number")),
    (
        "sequence",
        [frame(0, box(1, label_category_attributes="moving"))],
        (None, "label-category-attributes", "moving is not an object of names and values"),
    ),
    ("sequence", '{"tracking-annotations": [], "x": NaN}', (1, "", "it is not strict JSON")),
    (
        "answers",
        json.dumps({"answers": [answer([]), answer([], workerMetadata=None)]}, indent=1),
        (23, "answers[1].workerMetadata", "does not say who"),
    ),
    ("sequence", '{"tracking-annotations": [\n{\n"frame-no": ', (3, "", "the file ends in the middle")),
    ("answers", {"answers": 1}, (1, "answers", "1 is not a list")),
    ("answers", [], (1, "answers", "the file holds no answer")),
    ("answers", [1], (1, "answers[0]", "1 is not an object")),
    ("answers", [answer([], workerMetadata=None)], (1, "answers[0].workerMetadata", "does not say who")),
    (
        "answers",
        [answer([], submissionTime="2024-03-01T08:59:00Z")],
        (1, "answers[0].submissionTime", "60.0 s before it was accepted"),
    ),
    (
        "answers",
        [answer([], acceptanceTime="soon")],
        (1, "answers[0].acceptanceTime", "soon is no moment"),
    ),
    ("answers", [answer([], submissionTime=None)], (1, "answers[0].submissionTime", "it is missing")),
    (
        "answers",
        [answer([], timeSpentInSeconds=-5)],
        (1, "answers[0].timeSpentInSeconds", "-5 is no time"),
    ),
    ("manifest", ["{", still("cars", 1)], (1, "", "the line cannot be read")),
    ("manifest", [still("cars", 1), '{"a": 1, b'], (2, "", "in column 10")),
    ("manifest", ["[]"], (1, "", "no line of a manifest")),
    ("manifest", ["", '{"a": 1}'], (2, "source-ref", "names no data object")),
]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Read:
    """Return a source with every fault, each in a job of its own, and one job without."""
    folder = tmp_path_factory.mktemp("faulty")
    output = Output(folder / "source")
    for number, (kind, value, _) in enumerate(FAULTS):
        job = Job(output, f"fault-{number}")
        getattr(job, kind)(*(() if kind == "manifest" else (0,)), value)
    whole = Job(output, "whole")
    whole.sequence(0, [frame(0, box(1))])
    whole.answers(0, [answer([frame(0, box(1))])])
    whole.manifest([whole.line(0)])
    return Read(output, folder)


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_a_fault_is_named(faulty: Read, number: int) -> None:
    kind, _, (line, field, reason) = FAULTS[number]
    name = {"sequence": "SeqLabel.json", "answers": "2024-03-01_10:00:00.json", "manifest": "output.manifest"}
    (reject,) = faulty.rejects(f"fault-{number}")
    assert reject[:3] == (name[kind], line, field)
    assert reason in reject[3]
    assert faulty.one(f"SELECT rejects FROM files WHERE job = 'fault-{number}'") == 1


def test_beside_faults_all_else_is_read(faulty: Read) -> None:
    for table in ("labels", "answers", "items", "jobs", "annotations_batch_manifests"):
        job = "partition_1" if table.startswith("annotations") else "job"
        assert faulty.one(f"SELECT count(*) FROM {table} WHERE {job} = 'whole'") == 1
    assert faulty.rejects("whole") == []


def test_a_value_that_its_column_cannot_hold_is_kept(output: Output, read: Callable[[], Read]) -> None:
    Job(output).sequence(0, [frame(0, box(1, left="far", top="12.5", width=2**70, height=None))])
    row = read().one('SELECT "left", top, width, height, extra FROM labels')
    expected = {"left": None, "top": 12.5, "width": float(2**70), "height": None, "extra": {"left": '"far"'}}
    assert row == expected


def test_an_answer_with_a_fault_is_kept(output: Output, read: Callable[[], Read]) -> None:
    backwards = answer([], submissionTime="2024-03-01T08:59:00Z")
    job = Job(output)
    nobody = answer([], workerMetadata=None, workerId=None)
    job.answers(0, [backwards, answer([], workerMetadata=None), nobody])
    rows = read().rows("SELECT worker, seconds FROM answers ORDER BY answer")
    assert [tuple(row.values()) for row in rows] == [("w1", 90.5), ("private.w1", 90.5), ("unknown", 90.5)]


def test_values_nested_deeply_are_kept(output: Output, read: Callable[[], Read]) -> None:
    deep: Any = 1
    for _ in range(600):
        deep = {"in": deep}
    job = Job(output)
    job.sequence(0, [frame(0, box(1, label_category_attributes={"odd": deep}, further=deep))])
    job.answers(0, [answer(deep), answer([frame(0)], further=deep)])
    job.manifest([job.line(0, further=deep)])
    found = read()
    label = found.one("SELECT attributes, extra FROM labels")
    assert json.loads(label["attributes"]["odd"]) == json.loads(label["extra"]["further"]) == deep
    assert json.loads(found.one("SELECT content FROM answers WHERE answer = 0")) == deep
    assert found.summary.rejects == 0


def test_one_fault_a_thousand_times_is_told_in_twenty_lines(output: Output, read: Callable[[], Read]) -> None:
    Job(output).sequence(0, [frame(0, *(box(number, left="far") for number in range(1000)))])
    found = read().rejects()
    assert len(found) == 21
    assert found[-1][3] == "and 980 more like this"


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def with_value(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a JSON value with the value at a path replaced."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_value(copy[path[0]], path[1:], new)
    return copy


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_value_in_place_of_any_other_costs_no_other_record(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("any")
    output = Output(folder / "source")
    job, other = Job(output), Job(output, "vans")
    boxes = {"annotations": [{"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}]}
    files: dict[str, Any] = {
        "sequence": {"tracking-annotations": [frame(0, box(1, vertices=[{"x": 1, "y": 2}]), quality="good")]},
        "answers": {"answers": [answer([frame(0, box(1))]), answer({"any": {"label": "Car"}})]},
        "manifest": still("cars", boxes, class_map={"0": "Car"}, objects=[{"confidence": 0.5}]),
        "describe": {"LabelingJobStatus": "Stopped", "LabelCounters": {"Unlabeled": 2}, "CreationTime": 1},
    }
    chosen = data.draw(st.sampled_from(sorted(files)))
    path = data.draw(
        st.sampled_from([place for place in places(files[chosen]) if place or chosen != "describe"])
    )
    files[chosen] = with_value(files[chosen], path, data.draw(JSON))
    job.sequence(0, files["sequence"])
    job.answers(0, files["answers"])
    job.manifest([files["manifest"]])
    job.describe(**files["describe"])
    for item in range(2):
        other.sequence(item, [frame(0, box(1))])
        other.answers(item, [answer([frame(0, box(1))])])
    other.manifest([other.line(0), other.line(1)])
    found = Read(output, folder)
    for table in ("labels", "answers", "items"):
        assert found.one(f"SELECT count(*) FROM {table} WHERE job = 'vans'") == 2
    expected = {"sequence": 1, "answers": 2, "manifest": 1}
    expected.pop(chosen, None)
    if "sequence" in expected:
        assert found.one("SELECT count(*) FROM frames WHERE job = 'cars'") == 1
    if "answers" in expected:
        assert found.one("SELECT count(*) FROM answers WHERE job = 'cars'") == 2
    assert found.one("SELECT count(*) FROM rejects WHERE reason LIKE '%rows cannot be made%'") == 0


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
