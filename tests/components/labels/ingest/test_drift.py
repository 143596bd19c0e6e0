"""Drift: a change is reported once, where it was made; a mere difference is not."""

from __future__ import annotations

from typing import Any

from brume.labels.model.ingest.drift import drift_of, keys_of, natural

Keys = dict[tuple[str, str], str]


def file(job: str, item: int, keys: Keys, *, batch: str = "batch-1", known: bool = True) -> dict[str, Any]:
    """Return a row of `files` whose records have these keys: {(record, key): type}."""
    return {
        "file": f"{job}/{item}",
        "modality": "Video",
        "job": job,
        "facts": {
            "item": item,
            "batch": batch,
            "level": "1",
            "keys": [[record, key, 5, kind, known] for (record, key), kind in keys.items()],
        },
    }


def changes(
    files: list[dict[str, Any]],
    before: list[dict[str, Any]] | None = None,
    noted: list[dict[str, Any]] | None = None,
) -> list[tuple[str, str, str]]:
    """Return (key, change, job) of each row of `drift`."""
    keys = keys_of(before or [])
    found = drift_of(keys_of(files), files, keys, noted or [])
    return [(row["key"], row["change"], row["job"]) for row in found]


def attributes(*names: str, record: str = "label attribute", kind: str = "string") -> Keys:
    return {(record, name): kind for name in names}


def test_jobs_that_are_alike_say_nothing() -> None:
    assert changes([file(job, 0, attributes("moving", "type")) for job in ("a", "b")]) == []


def test_a_renamed_attribute_has_appeared_and_vanished() -> None:
    files = [
        file("a", 0, attributes("type", "quality"), batch="batch-2"),
        file("b", 0, attributes("type", "grade"), batch="batch-10"),
    ]
    assert changes(files) == [("grade", "appeared", "b"), ("quality", "vanished", "b")]


def test_a_job_with_other_attributes_is_another_task() -> None:
    assert changes([file("a", 0, attributes("species")), file("b", 0, attributes("moving"))]) == []


def test_another_kind_of_label_is_another_task() -> None:
    boxes = {("label", key): "number" for key in ("left", "top", "width", "height")}
    assert changes([file("a", 0, boxes), file("b", 0, {("label", "vertices"): "array"})]) == []


def test_spellings_that_are_read_alike_are_no_drift() -> None:
    files = [file("a", 0, {("label", "class-id"): "string"}), file("b", 0, {("label", "classId"): "string"})]
    assert changes(files) == []


def test_a_number_that_becomes_a_word() -> None:
    files = [file("a", 0, attributes("count", kind="number")), file("b", 0, attributes("count"))]
    assert changes(files) == [("count", "changed type", "b")]
    nothing_yet = [file("a", 0, attributes("count", kind="null")), file("b", 0, attributes("count"))]
    assert changes(nothing_yet) == []


def test_a_key_of_the_last_files_of_a_job() -> None:
    files = [file("a", item, attributes("type", *(["late"] if item >= 8 else []))) for item in range(10)]
    (row,) = drift_of(keys_of(files), files, [], [])
    assert (row["key"], row["change"], row["file"], row["count"]) == ("late", "appeared", "a/8", 10)
    assert row["detail"] == "first in number 9 of 10 files of the job, in 2 of them"


def test_a_key_that_no_column_holds() -> None:
    files = [file(job, 0, {("label", "depth"): "number"}, known=False) for job in ("a", "b")]
    assert changes(files) == [("depth", "appeared", "a")]


def test_answers_say_nothing_that_their_labels_say() -> None:
    files = [file("a", 0, attributes("type", "x")), file("a", 1, attributes("type", "x"))]
    for job, name in (("a", "old"), ("b", "new")):
        keys = attributes("type", name) | attributes("type", name, record="answered label attribute")
        files.append(file(job, 2, keys, batch=f"batch-{job}"))
    found = drift_of(keys_of(files), files, [], [])
    assert {row["record"] for row in found} == {"label attribute"}


def test_what_changed_since_the_last_run_stays_reported() -> None:
    before, now = [file("a", 0, attributes("old", "type"))], [file("a", 0, attributes("new", "type"))]
    noted = drift_of(keys_of(now), now, keys_of(before), [])
    expected = [("new", "appeared", "a"), ("old", "vanished", "a")]
    assert [(row["key"], row["change"], row["job"]) for row in noted] == expected
    assert changes(now, now, noted) == expected
    assert changes(before, before, noted) == []  # it was undone


def test_batches_are_in_the_order_of_their_numbers() -> None:
    assert sorted(["batch-10", "batch-2", "batch-1"], key=natural) == ["batch-1", "batch-2", "batch-10"]
