"""Audits: what the second level confirmed, changed, rejected or added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtrc

from brume.labels.model.quality import answer_comparison, boxes, polylines
from brume.labels.model.quality.annotation_sets import CLASS, FRAME, AnnotationSets, Subject
from brume.labels.model.quality.answer_comparison import LINES, Pairs
from brume.labels.model.quality.arrays import Codes, Flags, Floats, dense
from brume.labels.model.quality.faults import AUDIT, Fault
from brume.labels.model.quality.label_errors import with_answers

MOVED = 0.9  # IoU (or likeness of lines) below which a label was moved, and
_STIR = 2.0  # pixels that a side moves at least: small boxes lose much IoU by one
EXCESS = 0.15  # the share of a worker's objects, beyond the usual, whose rejection is reported
LEAST_USUAL = 0.05
DOUBT = 0.001  # the chance that a usual worker of the job looks so, for all workers of it together
# How words of a verdict begin. Not yes and no, good and bad: those are values of any attribute.
_YES = ("accept", "approv", "confirm", "correct", "pass")
_NO = ("reject", "disapprov", "deni", "deny", "incorrect", "fail", "wrong", "redo")


@dataclass(frozen=True)
class Verdicts:
    """What became of the first level's labels. All arrays are by label of the sets given to `assess`."""

    audited: Flags  # labels of the first level in a frame or item that the audit looked at
    match: Codes  # the audit's label of the same thing, -1 for none
    moved: Flags
    relabelled: Flags
    removed: Flags
    rejected: Flags
    added: Flags  # labels of the audit that the first level lacks
    verdict: str  # the attribute that holds the auditor's verdict, "" where none does

    @property
    def confirmed(self) -> Flags:
        """Mark the labels that the audit left as they were."""
        return np.asarray(self.audited & ~self.moved & ~self.rejected)


@dataclass(frozen=True)
class Tally:
    """Counts of labels for one worker ("" for nobody in particular) and one class or attribute's value."""

    worker: str
    subject: str
    audited: int
    confirmed: int
    moved: int
    relabelled: int
    removed: int
    rejected: int
    added: int


def assess(sets: AnnotationSets, width: float) -> Verdicts:
    """Compare the first level's labels, the consolidated ones of `sets`, with the audit's, its answers.

    Labels are the same thing when they bear the same object's id in the same frame, and of the rest when
    `answer_comparison.compare` matches them. A label is moved when its IoU (or likeness) fell below MOVED,
    relabelled when the class or an attribute that both levels give changed, removed when the audit has its
    frame and no such label. It is rejected when it was relabelled or removed, or when the auditor's verdict
    says so: an attribute all of whose values, at the audit, are words like "accept" and "reject".
    """
    first, second = with_answers(sets)
    size = sets.set_number.size
    match = np.full(size, -1)
    of_first = np.isin(sets.set_number, first) & ~sets.of_kind("frame")
    of_audit = np.isin(sets.set_number, second) & ~sets.of_kind("frame")
    item = sets.item[sets.set_number]
    seen = _looked_at(sets, second)
    audited = of_first & np.isin(_moment(item, sets.frame), seen)
    for a, b in (_by_object(sets, audited, of_audit), _by_place(sets, first, second, width)):
        free = (match[a] < 0) & audited[a] & ~np.isin(b, match[match >= 0])
        match[a[free]] = b[free]
    found = np.flatnonzero(match >= 0)
    moved, relabelled = np.zeros(size, bool), np.zeros(size, bool)
    verdict = _verdict(sets, of_audit)
    moved[found], relabelled[found] = changes(sets, found, match[found], width, verdict)
    removed = audited & (match < 0)
    rejected = removed | relabelled
    if verdict:
        subject = sets.subjects[verdict]
        refused = np.array([_is(name, _NO) for name in subject.names])
        code = subject.codes[match[found]]
        rejected[found] |= (code >= 0) & refused[code]
    added = of_audit & ~np.isin(np.arange(size), match[found])
    return Verdicts(audited, match, moved, relabelled, removed, rejected, added, verdict)


def changes(sets: AnnotationSets, a: Codes, b: Codes, width: float, verdict: str = "") -> tuple[Flags, Flags]:
    """Return, for pairs of labels of the same thing, whether one is moved or relabelled."""
    box = sets.of_kind("box")[a]
    moved = np.zeros(a.size, dtype=bool)
    if box.any():
        one, other = sets.box[a[box]], sets.box[b[box]]
        sides = np.abs(np.c_[one[:, :2] - other[:, :2], (one - other)[:, :2] + (one - other)[:, 2:]])
        moved[box] = (boxes.iou(one, other) < MOVED) & ~(sides <= _STIR).all(axis=1)
    line = sets.of_kind(*LINES)[a]
    if line.any():
        moved[line] = _likeness(sets, a[line], b[line], width) < MOVED
    relabelled = np.zeros(a.size, dtype=bool)
    for name, subject in sets.subjects.items():
        if name != verdict:
            before, after = subject.codes[a], subject.codes[b]
            relabelled |= (before >= 0) & (after >= 0) & (before != after)
    return moved, relabelled


def authors(sets: AnnotationSets, pairs: Pairs, width: float) -> tuple[Codes, Codes]:
    """Return who gave the consolidated labels: labels, and the sets of answers that hold them unchanged.

    `pairs` are those of `label_errors.with_answers`, compared. An answer holds a label when its own is
    neither moved nor relabelled beside it; several may, or none.
    """
    moved, relabelled = changes(sets, pairs.a, pairs.b, width)
    held = ~moved & ~relabelled
    return pairs.a[held], pairs.second[pairs.pair[held]]


def tallies(
    verdicts: Verdicts, sets: AnnotationSets, label: Codes, worker: npt.NDArray[np.object_]
) -> list[Tally]:
    """Count the labels of each worker and class, and of each worker and value of an attribute.

    `label` and `worker` name the first level's labels (several times for several authors) and the added ones.
    Relabelled are of a class all labels whose class or attributes changed, of an attribute's value those in
    which that attribute did.
    """
    found = []
    for name, subject in sets.subjects.items():
        if name == verdicts.verdict or name.startswith(FRAME):
            continue
        code = subject.codes[label]
        classified = code >= 0
        names, index = np.unique(worker[classified], return_inverse=True)
        cell, rows = index * max(len(subject.names), 1) + code[classified], label[classified]
        columns = (
            verdicts.audited,
            verdicts.confirmed,
            verdicts.moved,
            verdicts.relabelled if name == CLASS else _changed(verdicts, subject),
            verdicts.removed,
            verdicts.rejected,
            verdicts.added,
        )
        counts = [np.bincount(cell, column[rows], minlength=1) for column in columns]
        for place in np.unique(cell):
            value = subject.text(int(place % len(subject.names)))
            what = value if name == CLASS else f"{name} = {value}"
            numbers = [int(count[place]) for count in counts]
            if numbers[0] or numbers[-1]:
                found.append(Tally(str(names[place // len(subject.names)]), what, *numbers))
    return found


def outliers(
    verdicts: Verdicts, sets: AnnotationSets, label: Codes, worker: npt.NDArray[np.object_]
) -> list[Fault]:
    """Return one fault for each worker whose objects the audit rejects far more than the others'.

    An object counts by the share of its labels that were rejected. The worker's share is EXCESS above the
    median of the others' or LEAST_USUAL, and would come about by chance with a probability below DOUBT over
    the number of workers (binomial tail, Bonferroni's correction). The score is one and the share, so that
    workers come before objects.
    """
    audited = verdicts.audited[label] & (worker != "")
    names, who = np.unique(worker[audited], return_inverse=True)
    rows = label[audited]
    labels = np.bincount(who, minlength=names.size)
    share = np.bincount(who, verdicts.rejected[rows], minlength=names.size) / np.maximum(labels, 1)
    thing = sets.thing[rows]
    things = np.unique(np.stack([who, thing]), axis=1)[0] if rows.size else who
    objects = np.bincount(things, minlength=names.size)
    found = []
    for place, name in enumerate(names):
        others = np.delete(share, place)
        usual = max(float(np.median(others)) if others.size else 0.0, LEAST_USUAL)
        count = int(objects[place])
        chance = float(bdtrc(int(share[place] * count) - 1, count, usual))
        if share[place] >= usual + EXCESS and chance < DOUBT / names.size:
            detail = (
                f"The audit rejected {share[place]:.0%} of {int(labels[place])} labels on {count} objects, "
                f"beside {usual:.0%} that are usual here"
            )
            found.append(Fault(AUDIT, round(1 + float(share[place]), 3), detail, worker=str(name)))
    return found


def objects(verdicts: Verdicts, sets: AnnotationSets) -> list[Fault]:
    """Return one fault for each object that the audit rejected, with what it changed, or added.

    The score is the share of the object's labels.
    """
    concerned = np.flatnonzero(verdicts.rejected | verdicts.added)
    thing = sets.thing[concerned]
    order = np.lexsort((sets.frame[concerned], thing))
    concerned, thing = concerned[order], thing[order]
    total = np.bincount(sets.track[sets.track >= 0]) if (sets.track >= 0).any() else np.empty(0)
    cuts = np.flatnonzero(np.diff(thing)) + 1
    found = []
    for rows in np.split(concerned, cuts) if concerned.size else []:
        track, frames = int(sets.track[rows[0]]), sets.frame[rows]
        classes = sets.subjects[CLASS]
        label = f"a label of {classes.text(int(classes.codes[rows[0]]))}"
        what = sets.described(int(rows[0])) or label
        found.append(
            Fault(
                AUDIT,
                round(rows.size / float(total[track]), 3) if track >= 0 else 1.0,
                f"The audit {_described(verdicts, sets, rows, what)}",
                item=int(sets.item[sets.set_number[rows[0]]]),
                frame_no=int(frames.min()) if frames.min() >= 0 else None,
                frame_end=int(frames.max()) if frames.min() >= 0 else None,
                object=sets.id_of(int(rows[0])),
            )
        )
    return found


def _described(verdicts: Verdicts, sets: AnnotationSets, rows: Codes, what: str) -> str:
    count = f"{rows.size} label{'s' * (rows.size > 1)}"
    if verdicts.added[rows].all():
        return f"added {what} ({count})"
    if verdicts.removed[rows].all():
        return f"removed {what} ({count})"
    reasons = list(_reasons(verdicts, sets, rows[verdicts.match[rows] >= 0]))
    if gone := int(verdicts.removed[rows].sum()):
        reasons.append(f"{gone} removed")
    if moved := int(verdicts.moved[rows].sum()):
        reasons.append(f"{moved} moved")
    return f"rejected {what} ({count}): {', '.join(reasons) or 'by its verdict alone'}"


def _reasons(verdicts: Verdicts, sets: AnnotationSets, rows: Codes) -> Iterator[str]:
    for name, subject in sets.subjects.items():
        before, after = subject.codes[rows], subject.codes[verdicts.match[rows]]
        changed = (before >= 0) & (after >= 0) & (before != after)
        if name != verdicts.verdict and changed.any():
            place = int(np.flatnonzero(changed)[0])
            values = subject.text(int(before[place])), subject.text(int(after[place]))
            yield f"{name} from {values[0]} to {values[1]}"


def _changed(verdicts: Verdicts, subject: Subject) -> Flags:
    """Mark the labels whose value of a subject the audit changed."""
    after = np.where(verdicts.match >= 0, subject.codes[verdicts.match], -1)
    return np.asarray((subject.codes >= 0) & (after >= 0) & (subject.codes != after))


def _moment(item: Codes, frame: Codes) -> Codes:
    """Return one number for an item and a frame (-1 for none), the same in every call."""
    return item * (1 << 32) + frame


def _looked_at(sets: AnnotationSets, audit: Codes) -> Codes:
    """Return the moments that the audit looked at: its frames, and its items that have none."""
    rows = np.isin(sets.set_number, audit)
    framed = _moment(sets.item[sets.set_number[rows]], sets.frame[rows])
    whole = _moment(sets.item[audit], np.full(audit.size, -1))
    return np.unique(np.concatenate([framed, whole]))


def _by_object(sets: AnnotationSets, of_first: Flags, of_audit: Flags) -> tuple[Codes, Codes]:
    """Match labels that bear the same object's id in the same frame of the same item."""
    names = sets.object_id.codes
    item = sets.item[sets.set_number]
    sides = [np.flatnonzero(side & (names >= 0)) for side in (of_first, of_audit)]
    both = np.concatenate(sides)
    code = dense(item[both], sets.frame[both], names[both])
    a, b = code[: sides[0].size], code[sides[0].size :]
    _, in_a, in_b = np.intersect1d(a, b, return_indices=True)
    return sides[0][in_a], sides[1][in_b]


def _by_place(sets: AnnotationSets, first: Codes, second: Codes, width: float) -> tuple[Codes, Codes]:
    pairs = answer_comparison.compare(sets, first, second, width)
    return pairs.a, pairs.b


def _likeness(sets: AnnotationSets, a: Codes, b: Codes, width: float) -> Floats:
    tolerance = polylines.TOLERANCE * width
    return polylines.likeness(sets.outlines[a], sets.outlines[b], tolerance)


def _verdict(sets: AnnotationSets, of_audit: Flags) -> str:
    """Return the attribute whose values at the audit are all verdicts; that with most labels of several."""
    counts = {}
    for name, subject in sets.subjects.items():
        codes = subject.codes[of_audit]
        used = [subject.names[code] for code in np.unique(codes[codes >= 0])]
        if name != CLASS and used and all(_is(word, _YES) or _is(word, _NO) for word in used):
            counts[name] = int((codes >= 0).sum())
    return max(counts, key=counts.__getitem__) if counts else ""


def _is(word: str, stems: tuple[str, ...]) -> bool:
    return word.strip().lower().startswith(stems)
