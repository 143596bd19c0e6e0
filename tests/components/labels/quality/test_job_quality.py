from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brume.labels.model.quality import answer_comparison, disagreement, label_errors
from brume.labels.model.quality.faults import Fault
from brume.labels.model.quality.posterior import dawid_skene, posterior
from tests.components.labels.quality.jobs import Job, box, named, track


def errors(job: Job) -> list[Fault]:
    sets = job.sets()
    pairs = answer_comparison.compare(sets, *label_errors.with_answers(sets), 1280)
    return label_errors.contradicted(sets, pairs)


def alone(job: Job) -> list[Fault]:
    sets = job.sets()
    return disagreement.outliers(
        sets, answer_comparison.compare(sets, *answer_comparison.partners(sets), 1280)
    )


def test_the_posterior_by_bayes_rule() -> None:
    # One unit; worker 0 is right 9 times of 10, worker 1 says 1 whatever is true. They say 0 and 1.
    confusion = np.array([[[0.9, 0.1], [0.1, 0.9]], [[0.2, 0.8], [0.2, 0.8]]])
    units, workers, codes = np.array([0, 0]), np.array([0, 1]), np.array([0, 1])
    found = posterior(units, workers, codes, confusion, np.array([0.5, 0.5]))
    assert found[0] == pytest.approx([0.9, 0.1])
    found = posterior(units, workers, codes, confusion, np.array([0.25, 0.75]))
    assert found[0] == pytest.approx([0.225 / 0.3, 0.075 / 0.3])


def test_confusions_and_truths_are_found_from_the_answers_alone() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 400)
    wanted = np.stack([np.full((3, 3), 0.05) + np.eye(3) * 0.85] * 4 + [np.full((3, 3), 1 / 3)])
    wanted[3] = [[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.05, 0.05, 0.9]]  # takes 0 for 1 and 1 for 0
    units, workers = np.repeat(np.arange(400), 5), np.tile(np.arange(5), 400)
    codes = np.array([random.choice(3, p=wanted[w, truth[u]]) for u, w in zip(units, workers, strict=True)])
    found = dawid_skene(units, workers, codes, 3)
    assert np.abs(found.confusion - wanted).max() < 0.1
    votes = np.array([np.bincount(codes[units == unit], minlength=3).argmax() for unit in range(400)])
    right = (found.probability.argmax(axis=1) == truth).mean()
    assert right > 0.97
    assert right > (votes == truth).mean()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40))
def test_probabilities_are_probabilities(ratings: list[tuple[int, int, int]]) -> None:
    units, workers, codes = np.array(ratings).T
    _, units = np.unique(units, return_inverse=True)
    found = dawid_skene(units, workers, codes, 3)
    assert found.probability.sum(axis=1) == pytest.approx(np.ones(units.max() + 1))
    assert found.confusion.sum(axis=2) == pytest.approx(np.ones((workers.max() + 1, 3)))


def classes(consolidated: dict[int, str], answers: dict[int, str]) -> Job:
    """Return a job of classes; answers are initials, one for each of workers a, b, c ..."""
    names = {"c": "Car", "v": "Van"}
    return Job(
        labels={item: [named(name)] for item, name in consolidated.items()},
        answers=[
            (item, worker, [named(names[initial])], None)
            for item, some in answers.items()
            for worker, initial in zip("abcde", some, strict=False)
        ],
    )


def test_a_class_that_nobody_answered_is_a_likely_error() -> None:
    made = {item: "Car" if item % 2 else "Van" for item in range(10)}
    given_ = {item: ("ccc" if item % 2 else "vvv") for item in range(10)}
    made[3] = "Van"
    (found,) = errors(classes(made, given_))
    assert found.item == 3
    assert found.score > 0.99
    assert found.detail.startswith("The class is Van, but 3 of 3 answers say Car: by all that these workers")


def test_two_answers_that_differ_and_one_alone_prove_nothing() -> None:
    made = {item: "Car" if item % 2 else "Van" for item in range(10)}
    given_ = {item: ("cc" if item % 2 else "vv") for item in range(10)}
    assert errors(classes(made, {**given_, 3: "vc", 4: "vc"})) == []
    assert errors(classes(made, {**given_, 3: "c"})) == []
    assert errors(classes(made, {})) == []


def test_an_error_in_a_track_is_one_fault_over_its_frames() -> None:
    def car(kind: str, name: str, start: int = 0) -> list[Any]:
        boxes = {frame: (100 + 5 * frame, start, 60, 30) for frame in range(10)}
        return track(name, boxes, attributes={"type": kind})

    made = car("Car", "Vehicle:1") + car("Van", "Vehicle:2", 300)
    right = car("Car", "x") + car("Car", "y", 300)
    job = Job(labels={0: made}, answers=[(0, worker, right, None) for worker in "abc"])
    (found,) = errors(job)
    assert (found.frame_no, found.frame_end) == (0, 9)
    assert found.detail.startswith("Vehicle:2: type is Van, but 3 of 3 answers say Car")


def test_own_shares_by_hand() -> None:
    # a and b agree; both differ from c in four of ten: all of it is c's own.
    first, second = np.array([0, 0, 1]), np.array([1, 2, 2])
    found = disagreement.own_shares(first, second, np.array([0.0, 0.4, 0.4]), np.full(3, 10.0), 3)
    assert found == pytest.approx([0, 0, 0.4], abs=1e-3)
    two = disagreement.own_shares(np.array([0]), np.array([1]), np.array([0.4]), np.array([10.0]), 2)
    assert two == pytest.approx([0.2, 0.2], abs=1e-3)


def crowd(odd: str | None) -> Job:
    """Return 40 items, two of six workers each; `odd` takes every van for a car."""
    random = np.random.default_rng(3)
    answers = []
    for item in range(40):
        truth = "Van" if item % 2 else "Car"
        for worker in random.permutation(list("abcdef"))[:2]:
            answers.append((item, str(worker), [named("Car" if worker == odd else truth)], None))
    return Job(answers=answers)


def test_a_worker_whom_all_others_contradict_is_reported_with_the_habit() -> None:
    (found,) = alone(crowd("c"))
    assert found.worker == "c"
    assert found.score == pytest.approx(0.5, abs=0.2)
    assert found.detail.endswith("most often Car where others say Van (100% of those)")
    assert alone(crowd(None)) == []


def test_of_two_workers_none_is_blamed() -> None:
    answers = [(item, worker, [named(worker)], None) for item in range(30) for worker in ("Car", "Van")]
    assert alone(Job(answers=answers)) == []


def test_a_worker_who_draws_beside_things_is_reported() -> None:
    def boxes(item: int, shift: float) -> list[Any]:
        return [box(40 * n + shift, 10 * item, 30, 20, **{"class": "Car"}) for n in range(5)]

    answers = [
        (item, worker, boxes(item, 20.0 if worker == "d" else 0.0), None)
        for item in range(12)
        for worker in ("abcd"[item % 4], "abcd"[(item + 1) % 4], "abcd"[(item + 2) % 4])
    ]
    (found,) = alone(Job(answers=answers))
    assert found.worker == "d"
    assert "in what is labelled and where" in found.detail
