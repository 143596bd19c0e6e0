"""Slide scores from tile scores, and the metrics of a split."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.slides.model.metrics import Evaluation, headline
from brume.slides.model.scores import (
    ScoreError,
    SlideScore,
    average_tiles,
    evaluate,
    pooled_roc,
    read_slide_scores,
    write_slide_scores,
)

AB = ["a", "b"]
ABC = ["a", "b", "c"]


def tile_table(rows: list[tuple[str, tuple[float, ...]]], classes: list[str]) -> pa.Table:
    """One row per (slide, probabilities)."""
    columns: dict[str, list[object]] = {
        "slide": [slide for slide, _ in rows],
        "patient": [f"patient of {slide}" for slide, _ in rows],
        "label": [classes[0] for _ in rows],
        "split": ["test" for _ in rows],
    }
    columns |= {f"p_{name}": [float(p[k]) for _, p in rows] for k, name in enumerate(classes)}
    return pa.table(columns)


def case(slide: str, label: str, *probabilities: float, patient: str = "", split: str = "test") -> SlideScore:
    classes = ABC[: len(probabilities)]
    best = classes[int(np.argmax(probabilities))]
    return SlideScore(slide, patient or slide, label, split, 10, probabilities, best, best)


def test_mean_and_vote_computed_by_hand() -> None:
    # Two tiles lean a little to b, one strongly to a: the vote is b, the mean is a.
    table = tile_table([("s", (0.4, 0.6)), ("s", (0.4, 0.6)), ("s", (1.0, 0.0)), ("t", (0.2, 0.8))], AB)
    first, second = average_tiles(table, AB)
    assert (first.slide, first.patient, first.label, first.split, first.tiles) == (
        *("s", "patient of s", "a", "test"),
        3,
    )
    assert first.probabilities == pytest.approx((0.6, 0.4))
    assert (first.mean_prediction, first.vote_prediction) == ("a", "b")
    assert (second.mean_prediction, second.vote_prediction) == ("b", "b")


def test_a_tied_vote_goes_to_the_higher_mean_then_to_the_first_class() -> None:
    by_mean = tile_table([("s", (0.6, 0.4, 0.0)), ("s", (0.0, 0.9, 0.1))], ABC)
    assert average_tiles(by_mean, ABC)[0].vote_prediction == "b"
    # c has the highest mean but no vote: it cannot win a tied vote.
    without_votes = tile_table([("s", (0.52, 0.0, 0.48)), ("s", (0.0, 0.52, 0.48))], ABC)
    score = average_tiles(without_votes, ABC)[0]
    assert (score.mean_prediction, score.vote_prediction) == ("c", "a")
    even = tile_table([("s", (0.5, 0.5))], AB)
    assert average_tiles(even, AB)[0].vote_prediction == average_tiles(even, AB)[0].mean_prediction == "a"


weights = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(["s", "t", "u"]), weights), min_size=1, max_size=40), st.randoms())
def test_means_sum_to_one_and_do_not_depend_on_the_order_of_tiles(
    tiles: list[tuple[str, list[float]]], shuffle: random.Random
) -> None:
    rows = [(slide, tuple(np.array(w) / sum(w))) for slide, w in tiles]
    scores = average_tiles(tile_table(rows, ABC), ABC)
    assert [score.slide for score in scores] == sorted({slide for slide, _ in rows})
    assert sum(score.tiles for score in scores) == len(rows)
    for score in scores:
        own = [p for slide, p in rows if slide == score.slide]
        assert sum(score.probabilities) == pytest.approx(1)
        assert all(
            min(p) - 1e-9 <= value <= max(p) + 1e-9
            for p, value in zip(zip(*own, strict=True), score.probabilities, strict=True)
        )
        votes = [ABC[int(np.argmax(p))] for p in own]
        assert votes.count(score.vote_prediction) == max(map(votes.count, ABC))
    shuffle.shuffle(rows)
    again = average_tiles(tile_table(rows, ABC), ABC)
    for one, other in zip(scores, again, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities)


def test_what_is_not_a_probability_is_named() -> None:
    with pytest.raises(ScoreError, match="slide t"):
        average_tiles(tile_table([("s", (0.5, 0.5)), ("t", (float("nan"), 1.0))], AB), AB)
    with pytest.raises(ScoreError, match="p_c"):
        average_tiles(tile_table([("s", (0.5, 0.5))], AB), ABC)


def test_the_file_has_the_promised_columns(tmp_path: Path) -> None:
    path = str(tmp_path / "slide_scores.csv")
    write_slide_scores(path, [SlideScore("s", "p", "a", "test", 3, (0.75, 0.25), "a", "b")], AB)
    assert Path(path).read_text().splitlines() == [
        "slide,patient,label,split,tiles,p_a,p_b,mean_prediction,vote_prediction",
        "s,p,a,test,3,0.75,0.25,a,b",
    ]


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@settings(max_examples=50)
@given(st.lists(st.tuples(names, names, st.floats(0, 1)), max_size=5))
def test_scores_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, float]]
) -> None:
    path = str(tmp_path_factory.mktemp("scores") / "s.csv")
    scores = [SlideScore(slide, patient, "a", "", 1, (p, 1 - p), "a", "b") for slide, patient, p in rows]
    write_slide_scores(path, scores, AB)
    assert read_slide_scores(path) == (scores, AB)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    write_slide_scores(str(path), [case("s", "a", 0.75, 0.25)], AB)
    path.write_text(path.read_text().replace("0.75", "much"))
    with pytest.raises(ScoreError, match=r"s\.csv, row 2"):
        read_slide_scores(str(path))
    path.write_text("slide,label\n")
    with pytest.raises(ScoreError, match="header"):
        read_slide_scores(str(path))


def test_metrics_computed_by_hand() -> None:
    scores = [
        case("s1", "a", 0.9, 0.1),
        case("s2", "a", 0.4, 0.6),
        case("s3", "b", 0.6, 0.4),
        case("s4", "b", 0.2, 0.8),
        case("other", "b", 0.9, 0.1, split="train"),
    ]
    found = evaluate(scores, AB)
    assert (found.slides, found.patients, found.tiles) == (4, 4, 40)
    assert found.accuracy_mean == 0.5
    # Of the four pairs (a, b) by p_a: 0.9>0.6, 0.9>0.2, 0.4<0.6, 0.4>0.2: three are in order.
    assert [metrics.auc for metrics in found.per_class] == [0.75, 0.75]
    assert found.mean_auc == 0.75
    assert found.confusion == ((1, 1), (1, 1))
    assert found.per_class[0].recall == found.per_class[0].precision == 0.5
    assert found.balanced_accuracy == found.macro_f1 == 0.5
    assert [point[:2] for point in found.per_class[0].roc] == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert found.per_class[0].roc[0][2] == 1


def many(patients: int, slides_each: int, seed: int = 0) -> list[SlideScore]:
    random_ = np.random.default_rng(seed)
    scores = []
    for patient in range(patients):
        label = patient % 3
        p = random_.dirichlet(np.ones(3) + 1.5 * np.eye(3)[label])
        for slide in range(slides_each):
            name = f"p{patient}-s{slide}"
            scores.append(case(name, ABC[label], *map(float, p), patient=f"p{patient}"))
    return scores


def test_the_interval_does_not_depend_on_the_order_of_slides() -> None:
    scores = many(40, 2)
    found = evaluate(scores, ABC)
    assert evaluate(scores[::-1], ABC) == found
    assert found.mean_auc is not None and found.mean_auc_interval is not None
    assert found.mean_auc_interval.low < found.mean_auc < found.mean_auc_interval.high


def test_slides_of_a_patient_count_as_one() -> None:
    # Ten copies of each slide add no information when they are of the same patient: the interval stays. Taken
    # for patients of their own they would make it about three times narrower.
    once, copied = many(40, 1), many(40, 10)
    interval = evaluate(once, ABC).mean_auc_interval
    assert evaluate(copied, ABC).mean_auc_interval == interval
    assert evaluate(copied, ABC).accuracy_interval == evaluate(once, ABC).accuracy_interval
    alone = [case(s.slide, s.label, *s.probabilities) for s in copied]
    narrow = evaluate(alone, ABC).mean_auc_interval
    assert interval is not None and narrow is not None
    assert (narrow.high - narrow.low) < 0.5 * (interval.high - interval.low)


@pytest.mark.parametrize(
    ("scores", "classes", "reason"),
    [
        ([], ABC, "no labelled slide"),
        ([case("s", "", 0.5, 0.5)], AB, "no labelled slide"),
        ([case("s", "a", 0.9, 0.1), case("t", "a", 0.9, 0.1)], AB, "every slide of this split is of class a"),
        ([case("s", "a", 0.9, 0.1, 0.0), case("t", "b", 0.1, 0.9, 0.0)], ABC, "no slide of class c"),
        ([case("s", "a", 1.0)], ["a"], "every slide of this split is of class a"),
    ],
)
def test_an_undefined_metric_is_none_with_a_reason(
    scores: list[SlideScore], classes: list[str], reason: str
) -> None:
    found = evaluate(scores, classes)
    content = json.dumps(found.to_json(), allow_nan=False)
    assert any(reason in note for note in found.notes)
    assert Evaluation.from_json(json.loads(content)) == found
    assert all(np.isfinite(value) for value in headline(found).values())
    assert pooled_roc(scores, classes) is None or found.slides


def test_an_absent_class_is_left_out_of_the_mean() -> None:
    scores = [s for s in many(30, 1) if s.label != "c"]
    found = evaluate(scores, ABC)
    a, b, c = found.per_class
    assert c.auc is None and c.recall is None and c.roc == ()
    assert a.auc is not None and b.auc is not None
    assert found.mean_auc == pytest.approx((a.auc + b.auc) / 2)
    assert "The mean AUC is over a, b only." in found.notes


def test_one_patient_of_a_class_gives_no_interval() -> None:
    scores = [case("s", "a", 0.8, 0.2), *(case(f"t{n}", "b", 0.1 * n, 1 - 0.1 * n) for n in range(1, 8))]
    found = evaluate(scores, AB)
    assert found.mean_auc == 1
    assert found.mean_auc_interval is None
    assert any("fewer than two patients" in note for note in found.notes)


@pytest.mark.parametrize("patients", [4, 10, 40])
@pytest.mark.parametrize("right", [0.0, 1.0])
def test_no_interval_is_without_width(patients: int, right: float) -> None:
    """Four patients, all right, had "100 % (100-100)"."""
    scores = [
        case(f"s{n}", AB[n % 2], float((n % 2 == 0) == right), float((n % 2 == 1) == right))
        for n in range(patients)
    ]
    found = evaluate(scores, AB)
    assert found.accuracy_mean == found.mean_auc == right
    for interval in (found.accuracy_interval, found.mean_auc_interval):
        assert interval is not None
        assert interval.high - interval.low > 1 / (2 * patients)


def test_the_pooled_roc_suits_a_dashboard() -> None:
    points = pooled_roc(many(30, 1), ABC)
    assert points is not None
    false, true, thresholds = points
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert json.dumps(points, allow_nan=False)
    assert thresholds == sorted(thresholds, reverse=True)
