"""What the page rests on: the sums of the lake, whatever has to be left out."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.labels.pipeline.dashboard import build
from brume.labels.pipeline.dashboard.assembly import DashboardError, nothing
from brume.labels.pipeline.dashboard.cubes import Cubes, Limits, prepare
from brume.labels.pipeline.dashboard.cubes import build as add_up
from brume.labels.pipeline.dashboard.evaluate import Column, Evaluator, Measure, Selection, View
from brume.labels.pipeline.dashboard.pseudonyms import people
from tests.components.labels.dashboard import tables

LABELS = View("labels", "", "tasks", (Column("job", ""),), (Measure("labels", "", "sum", "labels"),))


def cubes_of(rows: dict[str, list[dict[str, Any]]], limits: Limits | None = None) -> Cubes:
    connection = tables.connect(**rows)
    known = people(rows["workers"], key=None, hidden=())
    prepare(connection, known)
    return add_up(connection, known, limits or Limits())


def labels_of(cubes: Cubes, selection: Selection | None = None) -> dict[str, float]:
    return {row["job"]: row["labels"] for row in Evaluator(cubes.tables, selection).rows(LABELS)}


def test_a_label_belongs_to_all_who_answered_for_its_item_and_to_their_last_answer() -> None:
    rows = tables.effort()
    cubes = cubes_of(rows)
    names = {row["worker"]: row["name"] for row in rows["workers"]}
    for name in tables.NAMES:
        mine = {(row["job"], row["item"]) for row in rows["answers"] if names[row["worker"]] == name}
        expected: dict[str, float] = {}
        for row in rows["labels"]:
            if (row["job"], row["item"]) in mine:
                expected[row["job"]] = expected.get(row["job"], 0) + 1
        assert labels_of(cubes, Selection(workers=frozenset({name}))) == expected
    last = {(row["job"], row["item"]): row["submitted"] for row in rows["answers"]}  # in the order of time
    middle = tables.START + datetime.timedelta(hours=24)
    late = Selection(start=middle.timestamp() / 3600)
    assert sum(labels_of(cubes, late).values()) == sum(
        (row["job"], row["item"]) in last and last[row["job"], row["item"]] >= middle
        for row in rows["labels"]
    )


def test_coarser_sums_keep_every_total() -> None:
    rows = tables.effort()
    whole, coarse = cubes_of(rows), cubes_of(rows, Limits(tasks=5, answers=5))
    assert labels_of(coarse) == pytest.approx(labels_of(whole))
    time = View(
        "time", "", "answers", (), (Measure("time", "", "sum", "seconds"), Measure("n", "", "sum", "n"))
    )
    assert Evaluator(coarse.tables).rows(time)[0] == pytest.approx(Evaluator(whole.tables).rows(time)[0])
    assert len(coarse.tables["answers"]["n"]) < len(whole.tables["answers"]["n"]) == len(rows["answers"])
    assert not coarse.whole_answers
    assert any("equal share" in note for note in coarse.notes)
    # Shared out among all workers, the labels are still all of them.
    each = [labels_of(coarse, Selection(workers=frozenset({name}))) for name in tables.NAMES]
    answered = {(row["job"], row["item"]) for row in rows["answers"]}
    assert sum(sum(one.values()) for one in each) == pytest.approx(
        sum((row["job"], row["item"]) in answered for row in rows["labels"])
    )


def test_what_is_left_out_is_listed_with_the_query_that_has_it() -> None:
    cubes = cubes_of(tables.effort(), Limits(findings=1, range_characters=20))
    assert len(cubes.tables["findings"]["kind"]) == 1
    assert any(
        "the first 1 of 2" in note and 'brume sql "SELECT * FROM findings"' in note for note in cubes.notes
    )
    # Rare values keep the ranges of all of their frames, frequent ones have none.
    kept = set(zip(cubes.tables["ranges"]["attribute"], cubes.tables["ranges"]["value"], strict=True))
    assert kept == cubes.complete
    assert ("frame/quality", "clear") not in kept


def test_attributes_are_found_and_numbers_become_a_histogram() -> None:
    rows = tables.effort()
    for number, row in enumerate(rows["labels"]):
        row["attributes"] = [*row["attributes"], ("speed", f"{number / 3:.2f}"), ("remark", f"note {number}")]
    for number, row in enumerate(rows["frames"]):
        row["attributes"] = [("lanes", str(2 + 2 * (number % 3)))]
    cubes = cubes_of(rows)
    found = {it.key: it for it in cubes.attributes}
    assert {
        "class",
        "labels in the frame",
        "label/speed",
        "label/vehicle_type",
        "frame/lanes",
    } <= found.keys()
    assert "label/remark" not in found and any('"remark"' in note for note in cubes.notes)
    assert found["label/speed"].numeric and len(found["label/speed"].values) <= 20
    assert found["frame/lanes"].values == ("2", "3", "4", "5", "6")  # a histogram has its gaps
    values, speed = cubes.tables["values"], "label/speed"
    counted = sum(n for key, n in zip(values["attribute"], values["n"], strict=True) if key == speed)
    assert counted == len(rows["labels"])


def test_an_empty_lake_says_what_is_missing_and_where_to_look() -> None:
    made = build(tables.connect())
    assert "No labelling output was found below the source" in made.html
    rows = tables.effort()
    cubes = cubes_of({**rows, "answers": [], "answer_quality": [], "findings": []})
    assert "No worker responses were found below the source" in nothing(cubes)


def test_a_page_that_cannot_fit_is_refused() -> None:
    with pytest.raises(DashboardError, match="of 1000 bytes"):
        build(tables.connect(), budget=1000)


NUMBERS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 4)), min_size=1, max_size=20)


@given(NUMBERS)
def test_a_weighted_median_is_that_of_the_values_written_out(pairs: list[tuple[int, int]]) -> None:
    import numpy as np

    cube = {"value": [value for value, _ in pairs], "n": [weight for _, weight in pairs]}
    empty: dict[str, list[Any]] = {"shown": [], "modality": [], "worker": []}
    evaluator = Evaluator({"it": cube, "jobs": empty, "workers": empty})
    written_out = [value for value, weight in pairs for _ in range(weight)]
    for op, share in (("median", 0.5), ("p90", 0.9)):
        measure = Measure("m", "", op, "value")  # type: ignore[arg-type]
        found = evaluator.measure("it", measure, range(len(pairs)))
        assert found == pytest.approx(float(np.quantile(written_out, share)))
