from itertools import permutations

import motmetrics
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.labels.model.quality import boxes
from brume.labels.model.quality.matching import join, match
from brume.labels.model.quality.track_metrics import clear_matches, shared_identity

EDGES = st.dictionaries(
    st.tuples(st.integers(0, 4), st.integers(0, 4)), st.floats(0.1, 1), min_size=1, max_size=14
)
BOXES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(-1, 12), st.integers(-1, 12)),
    min_size=1,
    max_size=8,
)


def best_total(edges: dict[tuple[int, int], float]) -> float:
    return max(sum(edges.get(pair, 0) for pair in enumerate(columns)) for columns in permutations(range(5)))


@given(EDGES)
def test_a_matching_is_one_to_one_and_the_best(edges: dict[tuple[int, int], float]) -> None:
    a, b = np.array(list(edges)).T
    weight = np.array(list(edges.values()))
    chosen = match(a, b, weight)
    assert len(set(a[chosen])) == len(set(b[chosen])) == len(chosen)
    assert weight[chosen].sum() == pytest.approx(best_total(edges))


@given(st.lists(st.integers(0, 3), max_size=20), st.lists(st.integers(0, 3), max_size=20), st.integers(1, 9))
def test_a_join_has_each_pair_of_a_group_once(a: list[int], b: list[int], most: int) -> None:
    found = [
        pair for i, j in join(np.array(a, int), np.array(b, int), most) for pair in zip(i, j, strict=True)
    ]
    assert sorted(found) == [(i, j) for i, x in enumerate(a) for j, y in enumerate(b) if x == y]


def test_iou_by_hand() -> None:
    one = np.array([[0.0, 0, 10, 10]])
    assert boxes.iou(one, np.array([[5.0, 0, 10, 10]]))[0] == pytest.approx(50 / 150)
    assert boxes.iou(one, np.array([[2.0, 2, 5, 5]]))[0] == pytest.approx(0.25)
    assert boxes.iou(one, np.array([[10.0, 0, 10, 10]]))[0] == 0


@given(BOXES, BOXES)
def test_iou_is_bounded_and_the_same_both_ways(a: list[tuple[int, ...]], b: list[tuple[int, ...]]) -> None:
    size = min(len(a), len(b))
    first, second = np.array(a[:size], float), np.array(b[:size], float)
    found = boxes.iou(first, second)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.array_equal(found, boxes.iou(second, first))
    assert (boxes.iou(first, first) == 1).all()


def test_a_box_without_a_size_overlaps_nothing_else() -> None:
    odd = np.array([[0, 0, -5, 5], [0, 0, np.nan, 5], [0, 0, 0, 0], [0, 0, np.inf, 5]], float)
    assert not boxes.iou(odd, np.tile([0.0, 0, 10, 10], (4, 1))).any()


@given(BOXES, BOXES)
def test_every_overlapping_pair_of_a_frame_is_found(
    a: list[tuple[int, ...]], b: list[tuple[int, ...]]
) -> None:
    first, second = np.array(a, float), np.array(b, float)
    frame_a, frame_b = np.arange(len(a)) % 2, np.arange(len(b)) % 2
    i, j, overlap = boxes.overlapping(first, second, frame_a, frame_b)
    expected = {
        (p, q): boxes.iou(first[[p]], second[[q]])[0]
        for p in range(len(a))
        for q in range(len(b))
        if p % 2 == q % 2
    }
    assert dict(zip(zip(i, j, strict=True), overlap, strict=True)) == {
        pair: value for pair, value in expected.items() if value >= 0.5
    }


def tracks(random: np.random.Generator, frames: int, count: int) -> np.ndarray:
    """Return rows (frame, track, left, top, width, height) of objects that wander close to one another."""
    rows = []
    for track in range(count):
        spot = random.uniform(0, 30, 2)
        for frame in range(frames):
            spot = spot + random.normal(0, 3, 2)
            if random.random() < 0.85:
                rows.append((frame, track, *spot, 20, 20))
    return np.array(rows)


def disturbed(random: np.random.Generator, truth: np.ndarray) -> np.ndarray:
    """Return another's answer: boxes moved a little, some left out, names exchanged at times."""
    other = truth[random.random(len(truth)) < 0.9].copy()
    other[:, 2:4] += random.normal(0, 3, (len(other), 2))
    late = other[:, 0] >= other[:, 0].max() / 2
    other[late, 1] = (other[late, 1] + 1) % (other[:, 1].max() + 1)
    return other


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_idf1_and_mota_are_those_of_motmetrics(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    truth = tracks(random, 12, count)
    other = disturbed(random, truth)
    if not len(truth) or not len(other):
        return
    reference = motmetrics.MOTAccumulator(auto_id=True)
    for frame in np.unique(truth[:, 0]):
        a, b = truth[truth[:, 0] == frame], other[other[:, 0] == frame]
        distance = np.array([[1 - boxes.iou(x[None, 2:], y[None, 2:])[0] for y in b] for x in a])
        distance = np.where(distance > 0.5, np.nan, distance).reshape(len(a), len(b))
        reference.update(a[:, 1].astype(int), b[:, 1].astype(int), distance)
    wanted = motmetrics.metrics.create().compute(
        reference, metrics=["idf1", "mota", "num_misses", "num_switches"], return_dataframe=False
    )

    i, j, overlap = boxes.overlapping(
        truth[:, 2:], other[:, 2:], truth[:, 0].astype(int), other[:, 0].astype(int)
    )
    frame, a, b = truth[i, 0].astype(int), truth[i, 1].astype(int), other[j, 1].astype(int)
    shared = shared_identity(frame, a, b)[2].sum()
    assert 2 * shared / (len(truth) + len(other)) == pytest.approx(wanted["idf1"])
    assert shared == shared_identity(frame, b, a)[2].sum()
    chosen, switched = clear_matches(frame, a, b, overlap)
    assert len(truth) - len(chosen) == wanted["num_misses"]
    assert len(switched) == wanted["num_switches"]
    wrong = len(truth) + len(other) - 2 * len(chosen) + len(switched)
    assert 1 - wrong / len(truth) == pytest.approx(wanted["mota"])


def test_an_exchange_of_names_halves_idf1_and_is_two_mismatches() -> None:
    # Two objects over ten frames, the other answer exchanges their names after five: IDTP = 10 of 20 boxes.
    frame = np.repeat(np.arange(10), 2)
    a = np.tile([0, 1], 10)
    b = np.where(frame < 5, a, 1 - a)
    assert 2 * shared_identity(frame, a, b)[2].sum() / 40 == pytest.approx(0.5)
    chosen, switched = clear_matches(frame, a, b, np.ones(20))
    assert len(chosen) == 20
    assert frame[switched].tolist() == [5, 5]


def test_nothing_to_match() -> None:
    none = np.empty(0, dtype=np.int64)
    assert not match(none, none, np.empty(0)).size
    assert not shared_identity(none, none, none)[2].size
    assert not clear_matches(none, none, none, np.empty(0))[0].size
    assert not boxes.overlapping(np.empty((0, 4)), np.empty((0, 4)), none, none)[0].size
