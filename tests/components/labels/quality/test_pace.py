import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brume.labels.model.quality import pace


def answers(seconds, labels=1, job=0, modality=0, worker=None) -> pace.Answers:  # type: ignore[no-untyped-def]
    seconds = np.asarray(seconds, dtype=float)
    full = [
        np.broadcast_to(np.asarray(part, dtype=np.int64), seconds.shape) for part in (job, modality, labels)
    ]
    who = np.arange(seconds.size) if worker is None else np.asarray(worker)
    return pace.Answers(full[0], full[1], who, seconds, full[2])


def verdicts(given: pace.Answers) -> list[str]:
    return list(pace.assess(given).verdict)


def test_the_deviation_by_hand() -> None:
    # Logs of 1, e, e2 ... around a median of e5; MAD 3, so 1.4826 * 3 = 4.4478.
    seconds = np.exp(np.arange(11.0))
    found = pace.assess(answers(seconds)).deviation
    assert found[0] == pytest.approx(-5 / (1.4826 * 3))
    assert found[10] == pytest.approx(5 / (1.4826 * 3))


def test_fast_slow_and_idle_answers_are_distinguished_from_usual_ones() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(1, 9, 60)
    seconds = labels * 8 * np.exp(random.normal(0, 0.3, 60))
    seconds[3] = labels[3] * 0.4
    seconds[4] = labels[4] * 75
    seconds[5] = 3.4 * 3600
    found = verdicts(answers(seconds, labels, worker=np.arange(60) % 12))
    assert found[3:6] == ["too fast", "too slow", "idle"]
    assert set(found[:3] + found[6:]) == {"usual"}


@pytest.mark.parametrize("spread", [0.15, 0.3, 0.6])
def test_usual_work_accuses_nobody(spread: float) -> None:
    random = np.random.default_rng(1)
    accused = 0
    for _ in range(100):
        seconds = np.exp(random.normal(2, spread, 200))
        accused += sum(verdict != "usual" for verdict in verdicts(answers(seconds)))
    assert accused <= 3  # of 20,000


def test_a_slow_worker_with_large_tasks_is_slow_and_not_idle() -> None:
    seconds, labels, worker = np.full(40, 800.0), np.full(40, 1000), np.arange(40) % 10
    seconds[worker == 3] *= 9
    found = verdicts(answers(seconds, labels, worker=worker))
    assert {verdict for verdict, who in zip(found, worker, strict=True) if who == 3} == {"too slow"}


def test_a_small_job_is_judged_by_its_modality_and_a_small_modality_not_at_all() -> None:
    seconds = np.r_[np.full(30, 10.0), 0.1, 10.0]
    job = np.r_[np.zeros(30, int), 1, 1]
    assert verdicts(answers(seconds, job=job))[30] == "too fast"
    alone = pace.assess(answers(seconds[-2:]))
    assert np.isnan(alone.deviation).all()
    assert list(alone.verdict) == ["usual", "usual"]


def test_answers_without_time_or_labels_are_not_judged() -> None:
    seconds = np.r_[np.full(20, 10.0), np.nan, 0.0, -5.0, 10.0]
    found = pace.assess(answers(seconds, np.r_[np.ones(23, int), 0]))
    assert list(found.verdict[-4:]) == ["", "", "", "usual"]
    assert np.isnan(found.deviation[-4:]).all()


def test_there_is_one_finding_a_worker_with_the_figures_in_it() -> None:
    seconds, worker = np.full(40, 8.0), np.arange(40) % 10
    seconds[worker == 3] = 0.5
    given = answers(seconds, worker=worker)
    (found,) = pace.faults(given, pace.assess(given), np.arange(40))
    assert found.kind == "too fast"
    assert found.detail == (
        "Took 0.5 s a label in 4 of 4 answers, 16 times as fast as the 8 s that are usual here"
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(), st.integers(0, 5), st.integers(0, 2)), max_size=30))
def test_any_numbers_give_a_verdict(rows: list[tuple[float, int, int]]) -> None:
    seconds, labels, job = (list(part) for part in zip(*rows, strict=True)) if rows else ([], [], [])
    found = pace.assess(answers(seconds, labels, job))
    assert all(verdict in ("", "usual", "too fast", "too slow", "idle") for verdict in found.verdict)
