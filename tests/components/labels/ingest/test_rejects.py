"""Faults of files: each is named with its place, and costs no other record."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.components.labels.ingest.ingested import Read
from tests.components.labels.ingest.outputs import Job, Output, answer, box, frame, still

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


def test_one_fault_a_thousand_times_takes_twenty_rows(output: Output, read: Callable[[], Read]) -> None:
    Job(output).sequence(0, [frame(0, *(box(number, left="far") for number in range(1000)))])
    found = read().rejects()
    assert len(found) == 21
    assert found[-1][3] == "and 980 more like this"


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
