"""Find workers whom the others of a job contradict, and in what."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.special import bdtrc

from brume.labels.model.quality.annotation_sets import CLASS, AnnotationSets, Subject
from brume.labels.model.quality.answer_comparison import COMPARED, Pairs
from brume.labels.model.quality.arrays import Codes, Floats, dense
from brume.labels.model.quality.faults import DISAGREEMENT, Fault

EXCESS = 0.15  # the share of a worker's labels beyond the usual that must be theirs alone
LEAST_USUAL = 0.03  # everyone errs now and then
DOUBT = 0.001  # the chance that a usual worker of the job looks so, for all workers of it together
_ITEMS = 2
_ROUNDS = 200
_HELD = 1e-3  # keeps a share at 0 where pairs have no information


def own_shares(first: Codes, second: Codes, share: Floats, weight: Floats, workers: int) -> Floats:
    """Split what pairs of workers disagree on into each one's own share.

    `share[k]` of pair k's `weight[k]` things differ between workers `first[k]` and `second[k]`. The shares e
    fit share = e[first] + e[second], e >= 0, by weighted least squares: a worker who disagrees with all gets
    a large share, and those who met them a small one. (An additive worker effect, as in a two-way analysis of
    variance; solved by damped coordinate steps.) Two workers who met nobody else get half each.
    """
    total = np.bincount(first, weight, minlength=workers) + np.bincount(second, weight, minlength=workers)
    own = np.zeros(workers)
    for _ in range(_ROUNDS):
        left = np.bincount(first, weight * (share - own[second]), minlength=workers)
        left += np.bincount(second, weight * (share - own[first]), minlength=workers)
        own = (own + np.maximum(left / (total + _HELD), 0)) / 2
    return own


def outliers(sets: AnnotationSets, pairs: Pairs) -> list[Fault]:
    """Return one fault for each worker and thing (what is labelled at all, the class, an attribute) in which
    the others of the job contradict them far more than one another.

    The worker's own share (`own_shares`) is EXCESS above the job's median or LEAST_USUAL, and a usual worker
    would come to as many contradictions over as many objects by chance with a probability below DOUBT over
    the number of workers (binomial tail, Bonferroni's correction). It takes three workers and two items: of
    two, none can say who errs. The score is the share.
    """
    people = len(sets.workers)
    if people < 3:
        return []
    a, b = sets.worker[pairs.first], sets.worker[pairs.second]
    item = sets.item[pairs.first]
    found = []
    for name, (share, weight) in _differences(sets, pairs).items():
        met = np.flatnonzero(weight > 0)
        own = own_shares(a[met], b[met], share[met], weight[met], people)
        things = np.bincount(a[met], weight[met], minlength=people)
        things += np.bincount(b[met], weight[met], minlength=people)
        present = np.flatnonzero(things > 0)
        if present.size < 3:
            continue
        usual = max(float(np.median(own[present])), LEAST_USUAL)
        for worker in present[own[present] >= usual + EXCESS]:
            mine = met[(a[met] == worker) | (b[met] == worker)]
            # An object met by several others is one object: the mean over the others counts it once.
            others = max(1.0, mine.size / max(np.unique(item[mine]).size, 1))
            count = int(things[worker] / others)
            chance = float(bdtrc(int(own[worker] * count) - 1, count, min(usual, 1.0)))
            if np.unique(item[mine]).size >= _ITEMS and chance < DOUBT / people:
                habit = _habit(sets, pairs, name, int(worker)) if name else ""
                subject = "the class" if name == CLASS else name or "what is labelled and where"
                detail = (
                    f"Differs from the others of the job in {subject}: {own[worker]:.0%} of {count} objects "
                    f"are labelled so by nobody else, {usual:.0%} are usual{habit}"
                )
                first = int(pairs.first[mine[0]])
                set_number = first if sets.worker[first] == worker else int(pairs.second[mine[0]])
                found.append(
                    Fault(
                        DISAGREEMENT,
                        round(float(own[worker]), 3),
                        detail,
                        worker=sets.workers[worker],
                        answer=int(sets.answer[set_number]),
                    )
                )
    return found


def _differences(sets: AnnotationSets, pairs: Pairs) -> dict[str, tuple[Floats, Floats]]:
    """Return for each thing the share of each pair that differs, and the number of objects behind it.

    "" stands for the labels that have no match in the other answer.
    """
    size = pairs.first.size
    counted = sets.of_kind(*COMPARED[:-1])
    object_of = sets.thing
    labels = np.bincount(sets.set_number[counted], minlength=sets.item.size)
    objects = np.bincount(
        sets.set_number[counted][np.unique(object_of[counted], return_index=True)[1]],
        minlength=sets.item.size,
    )
    total = labels[pairs.first] + labels[pairs.second]
    matched = np.bincount(pairs.pair[counted[pairs.a]], minlength=size)
    share = np.where(total > 0, 1 - 2 * matched / np.maximum(total, 1), 0.0)
    found = {"": (share, (objects[pairs.first] + objects[pairs.second]) / 2)}
    for name, subject in sets.subjects.items():
        codes = subject.codes
        named = np.flatnonzero((codes[pairs.a] >= 0) & (codes[pairs.b] >= 0))
        if not named.size or len(subject.names) < 2 or subject.values is not None:
            continue  # of numbers the distance counts, not that they differ
        pair = pairs.pair[named]
        differ = np.bincount(pair, codes[pairs.a[named]] != codes[pairs.b[named]], minlength=size)
        count = np.bincount(pair, minlength=size)
        thing = dense(pair, object_of[pairs.a[named]])
        things = np.bincount(pair[np.unique(thing, return_index=True)[1]], minlength=size)
        found[name] = (differ / np.maximum(count, 1), things.astype(float))
    return found


def _habit(sets: AnnotationSets, pairs: Pairs, name: str, worker: int) -> str:
    """Describe which value the worker most often gives in place of which."""
    subject: Subject = sets.subjects[name]
    confused: Counter[tuple[int, int]] = Counter()
    where: Counter[int] = Counter()
    for mine, theirs, side in ((pairs.a, pairs.b, pairs.first), (pairs.b, pairs.a, pairs.second)):
        chosen = sets.worker[side[pairs.pair]] == worker
        own, other = subject.codes[mine[chosen]], subject.codes[theirs[chosen]]
        where.update(other[own >= 0].tolist())
        both = (own != other) & (own >= 0) & (other >= 0)
        confused.update(zip(other[both].tolist(), own[both].tolist(), strict=True))
    if not confused:
        return ""
    (other_code, own_code), count = confused.most_common(1)[0]
    named, meant = subject.text(own_code), subject.text(other_code)
    return f"; most often {named} where others say {meant} ({count / where[other_code]:.0%} of those)"
