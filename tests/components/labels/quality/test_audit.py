from pathlib import Path
from typing import Any

import pyarrow as pa

from brume.labels.model.lake import Lake
from brume.labels.model.quality import levels, run
from tests.components.labels.quality.jobs import Job, box, lake, track


def car(name: str, row: int, kind: str = "Car", shift: float = 0, frames: int = 10, **more: str) -> list[Any]:
    boxes = {frame: (100 + 5 * frame + shift, 60 * row, 60, 30) for frame in range(frames)}
    return track(name, boxes, **{"class": "Vehicle", "attributes": {"type": kind, **more}})


def rows(found: Lake, query: str) -> list[tuple[Any, ...]]:
    return found.connect().execute(query).fetchall()


def reviewed(folder: Path) -> Lake:
    """Return a lake in which an audit confirms, moves, relabels, refuses, removes and adds a car each."""
    names = ("kept", "moved", "retyped", "refused", "removed")
    first = [label for row, name in enumerate(names) for label in car(name, row)]
    second = [
        *car("kept", 0, audit="Accept"),
        *car("moved", 1, shift=20, audit="Accept"),
        *car("retyped", 2, kind="Van", audit="Accept"),
        *car("refused", 3, audit="Reject"),
        *car("added", 6, audit="Accept"),
    ]
    bridge = Job("bridge", labels={0: first}, answers=[(0, "ann", first, 60.0)])
    audit = Job("bridge-audit", modality="VideoObjectTrackingAudit", level="2", labels={0: second})
    made = lake(folder, bridge, audit)
    run(made)
    return made


def test_every_label_of_the_first_level_has_one_fate(tmp_path: Path) -> None:
    made = reviewed(tmp_path)
    found = rows(
        made,
        "SELECT worker, audited, confirmed, moved, relabelled, removed, rejected, added "
        "FROM quality_audit WHERE job = 'bridge' AND audit_job = 'bridge-audit' AND subject = 'Vehicle'",
    )
    assert found == [("ann", 50, 10, 10, 10, 10, 30, 10)]
    found = rows(made, "SELECT relabelled, added FROM quality_audit WHERE subject = 'type = Car'")
    assert found == [(10, 10)]
    assert not rows(made, "SELECT subject FROM quality_audit WHERE subject LIKE 'audit%'")


def test_rejects_reach_the_answer_the_worker_and_the_job(tmp_path: Path) -> None:
    made = reviewed(tmp_path)
    assert rows(made, "SELECT rejects FROM answer_quality") == [(30,)]
    assert rows(made, "SELECT worker, rejects FROM quality_workers") == [("ann", 30)]
    found = rows(made, "SELECT job, value, units FROM quality_jobs WHERE measure = 'rejects'")
    assert found == [("bridge", 0.6, 50)]


def test_what_an_audit_changed_is_reported_object_by_object(tmp_path: Path) -> None:
    found = dict(rows(reviewed(tmp_path), "SELECT object, detail FROM findings WHERE object IS NOT NULL"))
    assert found == {
        "retyped": "The audit rejected retyped (10 labels): type from Car to Van",
        "refused": "The audit rejected refused (10 labels): by its verdict alone",
        "removed": "The audit removed removed (10 labels)",
        "added": "The audit added added (10 labels)",
    }


def test_labels_without_objects_are_compared_by_their_place(tmp_path: Path) -> None:
    def boxes(*lefts: float) -> list[Any]:
        return [box(left, 100, 60, 30, **{"class": "Car"}) for left in lefts]

    first = Job("yard", modality="BoundingBox", labels={0: boxes(100, 300, 500)})
    second = Job("yard-2", modality="BoundingBox", level="2", labels={0: boxes(101, 315, 900)})
    made = lake(tmp_path, first, second)
    run(made)
    found = rows(made, "SELECT worker, audited, confirmed, moved, removed, added FROM quality_audit")
    assert found == [("", 3, 1, 1, 1, 1)]


def test_only_what_the_audit_looked_at_counts(tmp_path: Path) -> None:
    first = Job("bridge", labels={0: car("kept", 0), 1: car("other", 1)})
    short = Job("audit", modality="VideoObjectTrackingAudit", level="2", labels={0: car("kept", 0, frames=4)})
    made = lake(tmp_path, first, short)
    run(made)
    assert rows(made, "SELECT audited, confirmed, removed FROM quality_audit WHERE subject = 'Vehicle'") == [
        (4, 4, 0)
    ]


def test_a_worker_whose_labels_an_audit_rejects_is_reported(tmp_path: Path) -> None:
    labels, audited, answers = {}, {}, []
    for item in range(8):
        worker = "abcd"[item % 4]
        labels[item] = [label for row in range(6) for label in car(f"{item}-{row}", row)]
        wrong = worker == "d"
        audited[item] = [
            label for row in range(6) for label in car(f"{item}-{row}", row, kind="Van" if wrong else "Car")
        ]
        answers.append((item, worker, labels[item], 60.0))
    second = Job("audit", modality="VideoObjectTrackingAudit", level="2", labels=audited)
    made = lake(tmp_path, Job("bridge", labels=labels, answers=answers), second)
    run(made)
    found = rows(made, "SELECT worker, detail FROM findings WHERE kind = 'audit' AND worker IS NOT NULL")
    detail = "The audit rejected 100% of 120 labels on 12 objects, beside 5% that are usual here"
    assert found == [("d", detail)]


def test_yes_and_no_are_no_verdicts(tmp_path: Path) -> None:
    first = Job("bridge", labels={0: car("kept", 0)})
    second = Job(
        "audit", modality="VideoObjectTrackingAudit", level="2", labels={0: car("kept", 0, occluded="No")}
    )
    made = lake(tmp_path, first, second)
    run(made)
    assert rows(made, "SELECT value FROM quality_jobs WHERE measure = 'rejects'") == [(0.0,)]


def test_a_review_finds_the_job_of_its_own_kind_and_data(tmp_path: Path) -> None:
    labels = {0: car("one", 0), 1: car("two", 1)}
    jobs = [
        Job("bridge", labels=labels),
        Job("lanes", modality="VideoObjectDetection", labels=labels),
        Job("bridge-audit", modality="VideoObjectTrackingAudit", level="2", labels=labels),
        Job("other-batch", modality="VideoObjectTracking", labels={5: car("five", 0)}),
    ]
    with lake(tmp_path, *jobs).connect() as connection:
        (found,) = levels.reviews(connection)
    assert found.job == ("VideoObjectTracking", "bridge")
    assert found.audit == ("VideoObjectTrackingAudit", "bridge-audit")
    assert found.items == {0: 0, 1: 1}


def test_an_audit_that_numbers_its_items_anew_is_paired_by_their_source(tmp_path: Path) -> None:
    first = Job("bridge", labels={3: car("three", 0), 4: car("four", 1)})
    second = Job("audit", modality="VideoObjectTrackingAudit", level="2", labels={0: car("four", 1)})
    tables = second.tables()
    place = tables["items"].schema.get_field_index("source")
    tables["items"] = tables["items"].set_column(place, "source", [pa.array(["4.mp4"])])
    made = lake(tmp_path, first)
    where = (second.modality, second.job)
    parts = [made.write(name, table, () if name == "jobs" else where) for name, table in tables.items()]
    made.commit(made.snapshot(), add=parts, remove=[])
    run(made)
    assert rows(made, "SELECT audited, confirmed FROM quality_audit WHERE subject = 'Vehicle'") == [(10, 10)]
