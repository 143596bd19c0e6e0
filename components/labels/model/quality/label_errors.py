"""Find consolidated labels that their answers contradict."""

from __future__ import annotations

from collections import Counter

import numpy as np

from brume.labels.model.quality.annotation_sets import CLASS, FRAME, AnnotationSets, Subject
from brume.labels.model.quality.answer_comparison import Pairs
from brume.labels.model.quality.arrays import Codes, dense
from brume.labels.model.quality.faults import LABEL_ERROR, Fault
from brume.labels.model.quality.posterior import MOST, dawid_skene

DOUBT = 0.1  # the probability below which a consolidated value is a likely error


def with_answers(sets: AnnotationSets) -> tuple[Codes, Codes]:
    """Return the pairs of each item's consolidated labels and each of its answers."""
    made, given = np.flatnonzero(sets.answer < 0), np.flatnonzero(sets.answer >= 0)
    place = np.searchsorted(sets.item[made], sets.item[given])
    there = place < made.size
    there[there] = sets.item[made][place[there]] == sets.item[given][there]
    return made[place[there]], given[there]


def contradicted(sets: AnnotationSets, pairs: Pairs) -> list[Fault]:
    """Return the consolidated classes and attributes that are likely wrong by the answers.

    `pairs` are those of `with_answers`, compared. The probability of the consolidated value is that of
    `posterior.dawid_skene` over the job. It is reported when it is below DOUBT and more answers give the
    likeliest value than the consolidated one: in a small job the workers' habits are guesses, and two answers
    that differ prove nothing. The score is one less that probability. In a sequence the frames of an object
    in which the same workers say the same count as one, and are one fault.
    """
    found = []
    for name, subject in sets.subjects.items():
        if not name.startswith(FRAME) and 2 <= len(subject.names) <= MOST:
            found += _of_subject(sets, pairs, name, subject)
    return found


def _of_subject(sets: AnnotationSets, pairs: Pairs, name: str, subject: Subject) -> list[Fault]:
    both = np.flatnonzero((subject.codes[pairs.b] >= 0) & (subject.codes[pairs.a] >= 0))
    label, code = pairs.a[both], subject.codes[pairs.b[both]]
    worker = sets.worker[pairs.second[pairs.pair[both]]]
    labels, unit = np.unique(label, return_inverse=True)
    if not labels.size:
        return []
    # Sums of random numbers identify which workers gave which class, without a table of workers by labels.
    draw = np.random.default_rng(0).random(len(sets.workers) * len(subject.names))
    pattern = np.bincount(unit, draw[worker * len(subject.names) + code])
    group = dense(sets.thing[labels], subject.codes[labels], np.round(pattern * 1e9).astype(np.int64))
    _, first = np.unique(group, return_index=True)
    kept = np.isin(unit, first)
    units = group[unit[kept]]
    result = dawid_skene(units, worker[kept], code[kept], len(subject.names))
    own = subject.codes[labels[first]]
    probability = result.probability[np.arange(first.size), own]
    found = []
    for number in np.flatnonzero(probability < DOUBT):
        votes = Counter(subject.text(one) for one in code[kept][units == number].tolist())
        likely, given = subject.text(int(result.probability[number].argmax())), subject.text(int(own[number]))
        if votes[likely] <= votes[given]:
            continue
        rows = labels[group == number]
        frames = sets.frame[rows]
        row = int(rows[frames.argmin()])
        thing = sets.described(row)
        what = ("the class" if name == CLASS else name) if thing is None else f"{thing}: {_own(name)}"
        detail = (
            f"{what} is {given}, but {votes[likely]} of {votes.total()} answers say {likely}: by all that "
            f"these workers answered, the label is right with a probability of {probability[number]:.1%}"
        )
        where = (int(frames.min()), int(frames.max())) if frames.min() >= 0 else (None, None)
        found.append(
            Fault(
                LABEL_ERROR,
                round(float(1 - probability[number]), 4),
                detail[0].upper() + detail[1:] if thing is None else detail,
                item=int(sets.item[sets.set_number[row]]),
                frame_no=where[0],
                frame_end=where[1],
                label=row,
            )
        )
    return found


def _own(name: str) -> str:
    return "its class" if name == CLASS else name
