"""Find answers given too fast, too slowly or left idle, compared within their job."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from brume.labels.model.quality.arrays import Codes, Floats, dense
from brume.labels.model.quality.faults import IDLE, TOO_FAST, TOO_SLOW, Fault
from brume.labels.model.quality.object_tracks import medians, spread

USUAL = "usual"
# Robust deviations beyond which an answer stands out: Iglewicz and Hoaglin's 3.5 ("How to detect and handle
# outliers", 1993), and in a large job as many as one usual answer in ALARMS jobs would exceed.
DEVIATIONS = 3.5
ALARMS = 100
# The least spread of log seconds a label that people are granted (a factor of 1.6): a job in which all were
# equally quick by luck accuses nobody. DEVIATIONS of it are about five times as fast as the median.
FLOOR = 0.45
FEW = 10  # timed answers from which the usual pace is known; a job with fewer takes those of its modality
IDLE_SECONDS = 1800.0  # half an hour, and
IDLE_FACTOR = 10.0  # times what the worker's own pace in the job (of _OWN answers or more) predicts
_OWN = 3
_LEAST_SECONDS, _MOST_SECONDS = 1e-3, 1e8  # three years: what lies beyond is no time


@dataclass(frozen=True)
class Answers:
    """Answers of all jobs: the numbers of job, modality and worker of each, its seconds and labels."""

    job: Codes
    modality: Codes
    worker: Codes
    seconds: Floats  # NaN or out of what can be where nothing is known
    labels: Codes


@dataclass(frozen=True)
class Pace:
    """For each answer: seconds a label, its deviation and what that makes of it; NaN and "" for nothing."""

    per_label: Floats
    deviation: Floats
    usual: Floats  # seconds a label of the job (or the modality)
    verdict: npt.NDArray[np.object_]


def assess(answers: Answers) -> Pace:
    """Compare each answer's log seconds a label with the median of its job.

    deviation = (log s - median) / max(1.4826 MAD, FLOOR), a robust z (Iglewicz and Hoaglin, 1993):
    times of work are close to log-normal, and nearly half of a job's answers may be wrong without moving the
    median far. An answer is too fast or too slow beyond DEVIATIONS. It is idle, whatever its deviation, when
    it took IDLE_SECONDS or more and IDLE_FACTOR times what the worker's median pace predicts. Answers
    without labels or time have no deviation, and none are assessed where the job has fewer than FEW timed
    answers and its modality too.
    """
    timed = (answers.seconds >= _LEAST_SECONDS) & (answers.seconds <= _MOST_SECONDS)
    per_label = np.where(
        timed & (answers.labels > 0), answers.seconds / np.maximum(answers.labels, 1), np.nan
    )
    logs = np.log(per_label)
    counts = [_count(group, logs) for group in (answers.job, answers.modality)]
    by_job = counts[0] >= FEW
    middle, deviations = _either(by_job, answers, logs)
    enough = by_job | (counts[1] >= FEW)
    deviation = np.where(enough, (logs - middle) / np.maximum(deviations, FLOOR), np.nan)
    sample = np.where(by_job, counts[0], counts[1])
    limit = np.maximum(DEVIATIONS, -ndtri(0.5 / (ALARMS * np.maximum(sample, 1))))
    verdict = np.where(timed, USUAL, "").astype(object)
    verdict[deviation < -limit] = TOO_FAST
    verdict[deviation > limit] = TOO_SLOW
    own = dense(answers.job, answers.worker)
    predicted = np.where(_count(own, logs) >= _OWN, medians(own, logs)[own], np.where(enough, middle, np.nan))
    expected = np.exp(predicted) * np.maximum(answers.labels, 1)
    verdict[timed & (answers.seconds >= np.fmax(IDLE_SECONDS, IDLE_FACTOR * expected)) & (expected > 0)] = (
        IDLE
    )
    return Pace(per_label, deviation, np.exp(middle), verdict)


def faults(answers: Answers, pace: Pace, rows: Codes) -> list[Fault]:
    """Return one fault for each worker and verdict among the answers `rows` of one job.

    It points at the answer that stands out most; the score is
    that answer's deviation, of idle answers the hours.
    """
    found = []
    for verdict in (TOO_FAST, TOO_SLOW, IDLE):
        marked = rows[pace.verdict[rows] == verdict]
        for worker in np.unique(answers.worker[marked]):
            mine = marked[answers.worker[marked] == worker]
            every = int((answers.worker[rows] == worker).sum())
            away = answers.seconds / 3600 if verdict == IDLE else np.abs(pace.deviation)
            worst = int(mine[np.argmax(away[mine])])
            times = f"{mine.size} of {every} answer{'s' * (every > 1)}"
            usual = _time(pace.usual[worst])
            if verdict == IDLE:
                count = int(answers.labels[worst])
                labels = f"{count} label{'s' * (count != 1)}"
                open_for = _time(answers.seconds[worst])
                detail = f"Open for {open_for} in {times}, for {labels}; usual here are {usual} a label"
            else:
                median = float(np.median(pace.per_label[mine]))
                factor = float(np.exp(abs(np.log(median / pace.usual[worst]))))
                word = "fast" if verdict == TOO_FAST else "slow"
                detail = (
                    f"Took {_time(median)} a label in {times}, {factor:.0f} times as {word} as the {usual} "
                    "that are usual here"
                )
            found.append(Fault(verdict, round(float(away[worst]), 2), detail, answer=worst))
    return found


def _count(groups: Codes, values: Floats) -> Codes:
    """Return for each row how many values of its group are finite."""
    return np.bincount(groups, np.isfinite(values)).astype(np.int64)[groups] if groups.size else groups


def _either(by_job: npt.NDArray[np.bool_], answers: Answers, logs: Floats) -> tuple[Floats, Floats]:
    """Return median and spread for each answer: of its job where that has enough, else of its modality."""
    if not logs.size:
        return logs, logs
    job = [part[answers.job] for part in spread(answers.job, logs)]
    modality = [part[answers.modality] for part in spread(answers.modality, logs)]
    return np.where(by_job, job[0], modality[0]), np.where(by_job, job[1], modality[1])


def _time(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.2g} s"
