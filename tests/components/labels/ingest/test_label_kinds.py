"""Labels of every kind of task, in manifests and in answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.components.labels.ingest.ingested import Read
from tests.components.labels.ingest.outputs import Job, Output, answer, still


def known(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a label that hold something, without its place."""
    place = ("modality", "batch", "level", "job", "item", "file", "line")
    return {key: value for key, value in row.items() if value not in (None, {}) and key not in place}


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
    content = json.loads(value) if isinstance(value, str) else value
    assert json.loads(found.one("SELECT content FROM answers")) == content
    assert found.one("SELECT labels FROM answers") == len(labels)
