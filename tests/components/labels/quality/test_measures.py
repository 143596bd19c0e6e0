from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.labels.model.quality import answer_comparison, measures, polylines
from tests.components.labels.quality.jobs import Job, box, named, track

LABELS = st.lists(
    st.builds(
        lambda x, y, size, name: box(x, y, size, size, **{"class": name}),
        st.integers(0, 30),
        st.integers(0, 30),
        st.integers(5, 20),
        st.sampled_from("ab"),
    ),
    max_size=5,
)


def assessed(job: Job) -> dict[tuple[str, str], measures.Measure]:
    sets = job.sets()
    pairs = answer_comparison.compare(sets, *answer_comparison.partners(sets), width=1280)
    agreed = answer_comparison.agreement(sets, pairs)
    following = answer_comparison.follow(sets, pairs.first, pairs.second)
    found = measures.of_job(sets, pairs, following, agreed)
    return {(measure.measure, measure.subject): measure for measure in found}


def values(job: Job) -> dict[tuple[str, str], float]:
    return {key: measure.value for key, measure in assessed(job).items()}


def answers(*by_item: dict[str, Any]) -> list[tuple[int, str, Any, None]]:
    return [
        (item, worker, labels, None) for item, some in enumerate(by_item) for worker, labels in some.items()
    ]


def test_classes_of_items_by_hand() -> None:
    # a and b on four items: 3 of 4 equal, shares 1/2, 1/2 and 3/4, 1/4: pe = 1/2, kappa = 1/2.
    pairs = [("car", "car"), ("car", "car"), ("van", "van"), ("van", "car")]
    job = Job(answers=answers(*({"a": [named(a)], "b": [named(b)]} for a, b in pairs)))
    found = assessed(job)
    assert found["agreement", ""] == measures.Measure("agreement", "", 0.75, 4)
    assert found["cohen_kappa", "class"] == measures.Measure("cohen_kappa", "class", 0.5, 4)
    # Both workers' shares pooled: 5/8 and 3/8, Pe = 34/64; Fleiss (3/4 - 34/64) / (1 - 34/64).
    assert found["fleiss_kappa", "class"].value == pytest.approx((0.75 - 34 / 64) / (1 - 34 / 64))
    # Krippendorff: Do = 2/8, De = 2 * 5 * 3 / (8 * 7).
    assert found["alpha", "class"].value == pytest.approx(1 - 0.25 / (30 / 56))


def test_boxes_of_an_image_by_hand() -> None:
    first = [box(0, 0, 10, 10, **{"class": "car"}), box(50, 0, 10, 10, **{"class": "van"})]
    second = [box(2, 0, 10, 10, **{"class": "car"}), box(90, 0, 10, 10, **{"class": "van"})]
    found = values(Job(answers=answers({"a": first, "b": second})))
    assert found["f1", "box"] == pytest.approx(0.5)
    assert found["iou", "box"] == pytest.approx(80 / 120)
    assert found["agreement", ""] == pytest.approx(0.5)
    assert ("idf1", "box") not in found


def test_a_wrong_attribute_is_half_an_agreement_where_the_class_is_right() -> None:
    one = box(0, 0, 10, 10, **{"class": "car", "attributes": {"moving": "yes"}})
    other = {**one, "attributes": {"moving": "no"}}
    assert values(Job(answers=answers({"a": [one], "b": [other]})))["agreement", ""] == pytest.approx(0.5)


def test_tracks_that_exchange_names() -> None:
    low = dict.fromkeys(range(10), (0, 0, 10, 10))
    high = dict.fromkeys(range(10), (0, 100, 10, 10))
    first = track("x", low) + track("y", high)
    crossed = {frame: (high if frame >= 5 else low)[frame] for frame in range(10)}
    back = {frame: (low if frame >= 5 else high)[frame] for frame in range(10)}
    found = values(Job(answers=answers({"a": first, "b": track("p", crossed) + track("q", back)})))
    assert found["f1", "box"] == 1
    assert found["idf1", "box"] == pytest.approx(0.5)
    assert found["mota", "box"] == pytest.approx(1 - 2 / 20)


def test_lanes_by_the_distance_between_them() -> None:
    def lane(x: float) -> Any:
        return {"kind": "polyline", "class": "lane", "vertices": [{"x": x, "y": 0.0}, {"x": x, "y": 700.0}]}

    # 20 pixels apart at a width of 1280 is the tolerance: a likeness of 1/2.
    found = values(Job(answers=answers({"a": [lane(100), lane(500)], "b": [lane(120), lane(600)]})))
    assert found["likeness", "polyline"] == pytest.approx(0.5)
    assert found["f1", "polyline"] == pytest.approx(0.5)


def line(*corners: tuple[float, float], closed: bool = False) -> np.ndarray:
    return polylines.resampled(
        np.array(corners, float).reshape(-1, 2), np.array([len(corners)]), np.array([closed])
    )


def test_a_line_is_itself_however_its_corners_are_set() -> None:
    coarse, fine = line((0, 0), (90, 0), (90, 60)), line((0, 0), (37, 0), (90, 0), (90, 60))
    assert polylines.likeness(coarse, fine, 20)[0] == pytest.approx(1)
    triangle = line((0, 0), (10, 0), (0, 10), closed=True)
    assert polylines.likeness(triangle, line((10, 0), (0, 10), (0, 0), closed=True), 20)[0] > 0.97


def test_lines_are_sampled_one_by_one() -> None:
    corners = np.array([[0.0, 0], [15, 0], [5, 5], [0, 0], [10, 0], [10, 10], [0, 10]])
    found = polylines.resampled(corners, np.array([2, 0, 1, 4]), np.array([False, True, True, True]))
    assert found[0].tolist() == [[x, 0] for x in range(16)]
    assert np.isnan(found[1]).all()
    assert (found[2] == 5).all()
    assert found[3] == pytest.approx(line((0, 0), (10, 0), (10, 10), (0, 10), closed=True)[0])
    assert found[3][[0, -1]].tolist() == [[0, 0], [0, 0]]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=16))
def test_no_pair_of_lines_within_the_tolerance_is_passed_over(ends: list[tuple[int, int]]) -> None:
    drawn = [line(*pair) for pair in zip(ends[::2], ends[1::2], strict=False)]
    every = np.concatenate(drawn)
    group = np.zeros(len(every), dtype=np.int64)
    i, j, value = polylines.alike(every, every, group, group, 10.0)
    n = np.arange(len(every))
    all_i, all_j = np.repeat(n, n.size), np.tile(n, n.size)
    like = polylines.likeness(every[all_i], every[all_j], 10.0)
    wanted = {(a, b): v for a, b, v in zip(all_i, all_j, like, strict=True) if v >= 0.5}
    assert dict(zip(zip(i, j, strict=True), value, strict=True)) == pytest.approx(wanted)


def test_entities_agree_by_their_span() -> None:
    def entity(start: int, end: int, name: str) -> Any:
        return {"kind": "entity", "class": name, "start": start, "end": end}

    first = [entity(0, 5, "PERSON"), entity(10, 15, "PLACE"), entity(20, 25, "PLACE")]
    second = [entity(0, 5, "PERSON"), entity(10, 15, "PERSON"), entity(21, 25, "PLACE")]
    found = values(Job(answers=answers({"a": first, "b": second})))
    assert found["f1", "entity"] == pytest.approx(4 / 6)
    assert found["agreement", ""] == pytest.approx(2 / 6)


def test_attributes_of_frames_and_numbers() -> None:
    def frame(number: int, count: str) -> Any:
        return {"kind": "frame", "frame_no": number, "attributes": {"vehicles": count}}

    first = [frame(0, "1"), frame(1, "2"), frame(2, "9")]
    near = [frame(0, "1"), frame(1, "2"), frame(2, "8")]
    found = values(Job(answers=answers({"a": first, "b": near})))
    assert found["alpha_interval", "frame: vehicles"] > 0.95 > found["alpha", "frame: vehicles"]
    assert found["agreement", ""] == pytest.approx(2 / 3)


def test_several_classes_of_an_item_agree_by_those_in_common() -> None:
    found = values(Job(answers=answers({"a": [named("x"), named("y")], "b": [named("z"), named("x")]})))
    assert found["agreement", ""] == pytest.approx(0.5)


def test_one_answer_alone_has_no_agreement() -> None:
    assert not assessed(Job(answers=answers({"a": [named("car")]})))
    assert not assessed(Job())


def test_nobody_is_compared_with_themselves() -> None:
    job = Job(answers=[(0, "a", [named("car")], None), (0, "a", [named("van")], None)])
    assert not assessed(job)


@pytest.mark.parametrize("count", [2, 3, 12, 13, 14, 15, 40])
def test_every_answer_is_compared_and_the_work_is_bounded(count: int) -> None:
    job = Job(answers=answers({f"w{n}": [named("car")] for n in range(count)}))
    first, second = answer_comparison.partners(job.sets())
    met = {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert len(met) == len(first)
    assert len(met) == (count * (count - 1) // 2 if count <= 13 else 6 * count)
    assert len({set_number for pair in met for set_number in pair}) == count


@settings(deadline=None, max_examples=40)
@given(LABELS, LABELS)
def test_figures_are_bounded_and_the_same_both_ways(a: Any, b: Any) -> None:
    forth, back = (
        values(Job(answers=answers({"a": a, "b": b}))),
        values(Job(answers=answers({"a": b, "b": a}))),
    )
    assert forth == pytest.approx(back)
    for (measure, _), value in forth.items():
        assert (-1 if "kappa" in measure or "alpha" in measure else 0) - 1e-9 <= value <= 1 + 1e-9


@settings(deadline=None, max_examples=20)
@given(LABELS)
def test_the_same_answer_twice_agrees_fully(labels: Any) -> None:
    for value in values(Job(answers=answers({"a": labels, "b": labels}))).values():
        assert value == pytest.approx(1)
