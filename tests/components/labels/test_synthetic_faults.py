"""Every planted fault of the generated labelling output lies at its recorded place, and is as recorded."""

import json
import re
from collections import Counter
from statistics import median

import pytest

from brume.labels.demo import TREE, generate
from tests.components.labels.trees import answer_of, answers_of, distance, sub_of, the_one

WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "small"
    return folder / TREE, generate(folder, "small")


def track(tree, fault):
    """Return the labels of a fault's object by frame, and how many frames the sequence has."""
    frames = json.loads((tree / fault.file).read_bytes())["tracking-annotations"]
    boxes = {
        int(frame["frame-no"]): label
        for frame in frames
        for label in frame["annotations"]
        if label["object-id"] == fault.object
    }
    assert {label["object-name"] for label in boxes.values()} == {fault.object_name}
    return boxes, len(frames)


def test_jumping_tracks_leap_far_in_the_frame_named(made):
    tree, truth = made
    assert len(truth.of("jump")) == 4
    for fault in truth.of("jump"):
        boxes, _ = track(tree, fault)
        leap = distance(boxes[fault.frame_no - 1], boxes[fault.frame_no])
        usual = [distance(boxes[n - 1], boxes[n]) for n in boxes if n - 1 in boxes]
        assert leap > 150
        assert leap > 5 * median(usual)
        if "returns" in fault.detail:
            assert distance(boxes[fault.frame_no - 1], boxes[fault.frame_no + 1]) < 100


def test_vanishing_tracks_come_back_in_mid_frame(made):
    tree, truth = made
    assert truth.of("vanish")
    for fault in truth.of("vanish"):
        boxes, _ = track(tree, fault)
        gap = set(range(fault.frame_no, fault.frame_end + 1))
        assert len(gap) == 5
        assert not gap & boxes.keys()
        for edge in (boxes[fault.frame_no - 1], boxes[fault.frame_end + 1]):
            assert edge["left"] > 0
            assert edge["left"] + edge["width"] < WIDTH


def test_flickering_tracks_and_attributes_change_in_every_frame(made):
    tree, truth = made
    moving, drawn = 0, 0
    for fault in truth.of("flicker"):
        boxes, _ = track(tree, fault)
        frames = range(fault.frame_no, fault.frame_end + 1)
        if "moving" in fault.detail:
            moving += 1
            values = [boxes[n]["label-category-attributes"]["moving"] for n in frames]
            assert values == ["Parked", "Moving"] * 4 + ["Parked"]
        else:
            drawn += 1
            assert [n in boxes for n in frames] == [False, True] * 4 + [False]
    assert moving
    assert drawn


def test_boxes_out_of_the_frame_and_of_impossible_size(made):
    tree, truth = made
    for fault in truth.of("outside"):
        label = track(tree, fault)[0][fault.frame_no]
        assert label["left"] < 0 or label["left"] + label["width"] > WIDTH
    nothing, everything, giant = truth.of("size")
    label = track(tree, nothing)[0][nothing.frame_no]
    assert (label["width"], label["height"]) == (0, 0)
    label = track(tree, everything)[0][everything.frame_no]
    assert (label["width"], label["height"]) == (WIDTH, HEIGHT)
    boxes, _ = track(tree, giant)
    assert (min(boxes), max(boxes)) == (giant.frame_no, giant.frame_end)
    assert {label["label-category-attributes"]["vehicle_type"] for label in boxes.values()} == {"Motorcycle"}
    assert all(label["width"] * label["height"] > 200_000 for label in boxes.values())


def test_nothing_else_in_the_tree_is_out_of_the_frame_or_without_a_size(made):
    tree, truth = made
    known = {(fault.file, fault.object) for fault in (*truth.of("outside"), *truth.of("size"))}
    for path in tree.rglob("consolidated-annotation/output/*/SeqLabel.json"):
        file = path.relative_to(tree).as_posix()
        if any(fault.file == file for fault in truth.of("truncated")):
            continue
        for frames in json.loads(path.read_bytes()).values():
            for label in (label for frame in frames for label in frame["annotations"]):
                if (file, label.get("object-id")) not in known and "width" in label:
                    assert 0 <= label["left"] < label["left"] + label["width"] <= WIDTH
                    assert 0 <= label["top"] < label["top"] + label["height"] <= HEIGHT


def test_label_errors_differ_from_the_rest_of_the_track_or_from_the_answers(made):
    tree, truth = made
    odd = the_one(truth.of("label error"), "three frames")
    types = {
        n: label["label-category-attributes"]["vehicle_type"] for n, label in track(tree, odd)[0].items()
    }
    inside = {types.pop(n) for n in range(odd.frame_no, odd.frame_end + 1)}
    assert len(inside) == len(set(types.values())) == 1
    assert inside.isdisjoint(types.values())

    for fault in truth.of("label error"):
        if fault.job == "vehicle-kind":
            answered = Counter(
                answer["answerContent"]["crowd-image-classifier"]["label"]
                for _, item, answer in answers_of(tree, fault.job)
                if item == fault.item
            )
            line = json.loads((tree / fault.file).read_bytes().splitlines()[fault.line - 1])
            assert answered[line["vehicle-kind-metadata"]["class-name"]] == 0
            assert answered.most_common(1)[0][1] >= 4
    box = the_one(truth.of("label error"), "first box")
    line = json.loads((tree / box.file).read_bytes().splitlines()[box.line - 1])
    wrong = line["crossings"]["annotations"][int(box.object)]
    name = line["crossings-metadata"]["class-map"][str(wrong["class_id"])]
    for _, item, answer in answers_of(tree, box.job):
        for drawn in answer["answerContent"]["boundingBox"]["boundingBoxes"]:
            if item == box.item and distance(drawn, wrong) < 8:
                assert drawn["label"] != name


def test_keys_appear_vanish_and_change_type(made):
    tree, truth = made

    def frames(job, item):
        (path,) = tree.glob(f"**/{job}/annotations/consolidated-annotation/output/{item}/SeqLabel.json")
        return json.loads(path.read_bytes())["tracking-annotations"]

    late = next(fault for fault in truth.of("appeared") if fault.object == "occluded")
    for item in range(truth.job(late.job).items):
        labels = [label for frame in frames(late.job, item) for label in frame["annotations"]]
        has = {"occluded" in label["label-category-attributes"] for label in labels}
        assert has == {item >= late.item}
    for fault in truth.of("vanished"):
        assert fault.object == "quality_of_the_frame"
        assert truth.job(fault.job).batch == "batch-10"
        for frame in frames(fault.job, 0):
            assert set(frame["frame-attributes"]) == {"number_of_vehicles", "frame_quality"}
            assert isinstance(frame["frame-attributes"]["number_of_vehicles"], str)
    for frame in frames("bridge-day", 0):
        assert set(frame["frame-attributes"]) == {"number_of_vehicles", "quality_of_the_frame"}
        assert isinstance(frame["frame-attributes"]["number_of_vehicles"], int)

    answer = next(fault for fault in truth.of("appeared") if fault.object == "image_attributes")
    files = sorted({path.parent.name for path in tree.glob(f"**/{answer.job}/**/iteration-1/*/*.json")})
    having = [
        item
        for item in files
        for _, number, one in answers_of(tree, answer.job)
        if number == int(item) and "image_attributes" in one["answerContent"]
    ]
    assert files.index(min(having)) >= 40  # past the fortieth file, by name as by number
    assert min(int(item) for item in having) == answer.item >= 40


def test_broken_files_lines_and_answers_lie_where_they_are_recorded(made):
    tree, truth = made
    assert len(truth.of("truncated")) == 2
    for fault in truth.of("truncated"):
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads((tree / fault.file).read_bytes())
    (fault,) = truth.of("manifest line")
    lines = (tree / fault.file).read_bytes().splitlines()
    broken = [number for number, line in enumerate(lines, 1) if not line.endswith(b"}")]
    assert broken == [fault.line] == [fault.item + 1]
    (fault,) = truth.of("no answers")
    assert json.loads((tree / fault.file).read_bytes()) == {"answers": []}
    (fault,) = truth.of("no metadata")
    answer = answer_of(tree, fault)
    assert "workerMetadata" not in answer
    assert answer["workerId"] == fault.worker
    (fault,) = truth.of("no worker")
    assert not {"workerMetadata", "workerId"} & answer_of(tree, fault).keys()
    (fault,) = truth.of("backwards")
    answer = answer_of(tree, fault)
    assert answer["submissionTime"] < answer["acceptanceTime"]
    assert sub_of(answer) == fault.worker


def test_lost_items_and_jobs_that_did_not_complete(made):
    tree, truth = made
    for kind in ("expired", "failed"):
        for fault in truth.of(kind):
            line = json.loads((tree / fault.file).read_bytes().splitlines()[fault.line - 1])
            assert fault.detail == line[f"{fault.job}-metadata"]["failure-reason"]
    assert (len(truth.of("expired")), len(truth.of("failed"))) == (2, 1)
    states = {kind: [fault.job for fault in truth.of(kind)] for kind in ("failed job", "stopped job")}
    assert states == {"failed job": ["tunnel", "parking-deck"], "stopped job": ["roadworks"]}
    assert 0 < truth.job("tunnel").labelled < truth.job("tunnel").items
    for kind in ("job in progress", "incomplete job"):
        (fault,) = truth.of(kind)
        assert list(tree.glob(f"**/output/{fault.job}/annotations/worker-response"))
        assert not list(tree.glob(f"**/output/{fault.job}/manifests"))


def test_names_tempt_and_noise_lies_about(made):
    tree, truth = made
    (fault,) = truth.of("unusual name")
    assert re.search(r"[^A-Za-z0-9-]", fault.job)
    assert (tree / "batch_manifests" / fault.modality / f"batch-2-1-{fault.job}/output/{fault.job}").is_dir()
    parts = {part for file in truth.ignored for part in file.split("/")}
    assert {"temp", "intermediate", "consolidation-request", "consolidation-response"} <= parts
    for file in truth.ignored:
        (tree / file).read_bytes()
