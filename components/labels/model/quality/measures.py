"""Measures of agreement between workers, by job and by pair of workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from brume.labels.model.quality.agreement import cohen_kappas, fleiss_kappa, interval_alpha, nominal_alpha
from brume.labels.model.quality.annotation_sets import AnnotationSets
from brume.labels.model.quality.answer_comparison import COMPARED, LINES, Following, Pairs
from brume.labels.model.quality.arrays import Codes, Floats


@dataclass(frozen=True)
class Measure:
    """One figure: what it measures, of what ("" for all), its value, and how many things it rests on."""

    measure: str
    subject: str
    value: float
    units: int


def of_job(sets: AnnotationSets, pairs: Pairs, following: Following, agreed: Floats) -> list[Measure]:
    """Return the measures of a job over all pairs of its answers.

    - agreement: the mean of `answer_comparison.agreement` (units: pairs of answers);
    - f1, by kind: 2 matches / labels of both, summed over all pairs (units: pairs of answers);
    - iou: the mean of matched boxes; likeness, by kind: the mean of `polylines.likeness` (units: matches);
    - idf1, mota: of `track_metrics`, over all pairs that follow objects: idf1 weighed by boxes, the mean mota
      (units: pairs of answers);
    - cohen_kappa, by class and attribute: the mean of the pairs of workers, each weighing its units, which
      is Light's kappa ("Measures of response agreement for qualitative data", 1971) but for the weights;
    - fleiss_kappa, alpha, and for attributes that are numbers alpha_interval, over the labels that are the
      same thing in several answers (units: those things).
    """
    everything = np.zeros(pairs.first.size, dtype=np.int64)
    found = [measure for _, measure in _by_group(sets, pairs, following, agreed, everything)]
    unit = same_things(sets, pairs)
    for name, subject in sets.subjects.items():
        rated = np.flatnonzero((unit >= 0) & (subject.codes >= 0))
        units, codes = unit[rated], subject.codes[rated]
        both = _both_say(subject.codes, pairs)
        workers = _worker_pairs(sets, pairs)[pairs.pair[both]]
        _, kappas, weights = cohen_kappas(workers, *_in_order(sets, pairs, both, subject.codes))
        defined = np.isfinite(kappas)
        paired = int((np.bincount(units) >= 2).sum()) if units.size else 0
        values = {
            "cohen_kappa": float(np.average(kappas[defined], weights=weights[defined]))
            if defined.any()
            else None,
            "fleiss_kappa": fleiss_kappa(units, codes),
            "alpha": nominal_alpha(units, codes),
            "alpha_interval": interval_alpha(units, subject.values[codes])
            if subject.values is not None
            else None,
        }
        found += [
            Measure(measure, name, value, paired) for measure, value in values.items() if value is not None
        ]
    return found


def of_worker_pairs(
    sets: AnnotationSets, pairs: Pairs, following: Following, agreed: Floats
) -> list[tuple[str, str, Measure]]:
    """Return the measures of each two workers who answered for the same items, as `of_job` defines them."""
    groups = _worker_pairs(sets, pairs)
    found = list(_by_group(sets, pairs, following, agreed, groups))
    for name, subject in sets.subjects.items():
        both = _both_say(subject.codes, pairs)
        codes = _in_order(sets, pairs, both, subject.codes)
        of, kappas, units = cohen_kappas(groups[pairs.pair[both]], *codes)
        found += [
            (int(group), Measure("cohen_kappa", name, float(kappa), int(count)))
            for group, kappa, count in zip(of, kappas, units, strict=True)
            if np.isfinite(kappa)
        ]
    size = len(sets.workers)
    return [(sets.workers[group // size], sets.workers[group % size], measure) for group, measure in found]


def of_answers(sets: AnnotationSets, pairs: Pairs, agreed: Floats) -> Floats:
    """Return for each answer the mean of its agreement with the others of its item, NaN without others."""
    size = int(sets.answer.max(initial=-1)) + 1
    both = np.concatenate([sets.answer[pairs.first], sets.answer[pairs.second]])
    count = np.bincount(both, minlength=size)
    total = np.bincount(both, np.tile(agreed, 2), minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def same_things(sets: AnnotationSets, pairs: Pairs) -> Codes:
    """Return for each label the number of the thing it is of: labels that match, directly or by others.

    -1 for labels without a match, and for a second label of one set that came to be of the same thing.
    """
    size = sets.set_number.size
    graph = coo_array((np.ones(pairs.a.size, dtype=np.int8), (pairs.a, pairs.b)), shape=(size, size))
    _, thing = connected_components(graph, directed=False)
    thing = np.asarray(thing, dtype=np.int64)
    matched = np.unique(np.concatenate([pairs.a, pairs.b]))
    _, first = np.unique(thing[matched] * (sets.item.size + 1) + sets.set_number[matched], return_index=True)
    kept = np.full(size, -1)
    kept[matched[first]] = thing[matched[first]]
    return kept


def _by_group(
    sets: AnnotationSets, pairs: Pairs, following: Following, agreed: Floats, groups: Codes
) -> Iterator[tuple[int, Measure]]:
    """Yield all measures but the kappas of each group of pairs of sets."""
    names, group, count = np.unique(groups, return_inverse=True, return_counts=True)

    def mean(measure: str, subject: str, of: Codes, values: Floats) -> Iterator[tuple[int, Measure]]:
        units = np.bincount(of, minlength=names.size)
        total = np.bincount(of, values, minlength=names.size)
        for place in np.flatnonzero(units):
            value = float(total[place] / units[place])
            yield int(names[place]), Measure(measure, subject, value, int(units[place]))

    yield from mean("agreement", "", group, agreed)
    of_match = group[pairs.pair]
    for kind in COMPARED[:-1]:
        of_kind = sets.of_kind(kind)
        labels = np.bincount(sets.set_number[of_kind], minlength=sets.item.size)
        total = np.bincount(group, labels[pairs.first] + labels[pairs.second], minlength=names.size)
        matched = of_kind[pairs.a]
        hits = np.bincount(of_match[matched], minlength=names.size)
        for place in np.flatnonzero(total):
            value = float(2 * hits[place] / total[place])
            yield int(names[place]), Measure("f1", kind, value, int(count[place]))
        if kind in ("box", *LINES):
            measure = "iou" if kind == "box" else "likeness"
            yield from mean(measure, kind, of_match[matched], pairs.likeness[matched])
    boxes = np.bincount(group, following.boxes, minlength=names.size)
    shared = np.bincount(group, following.shared, minlength=names.size)
    tracked = np.bincount(group, following.boxes > 0, minlength=names.size)
    for place in np.flatnonzero(boxes):
        value = float(2 * shared[place] / boxes[place])
        yield int(names[place]), Measure("idf1", "box", value, int(tracked[place]))
    defined = np.isfinite(following.mota)
    yield from mean("mota", "box", group[defined], following.mota[defined])


def _worker_pairs(sets: AnnotationSets, pairs: Pairs) -> Codes:
    """Return one number for the two workers of each pair of sets, whichever of them comes first."""
    a, b = sets.worker[pairs.first], sets.worker[pairs.second]
    return np.asarray(np.minimum(a, b) * len(sets.workers) + np.maximum(a, b))


def _both_say(codes: Codes, pairs: Pairs) -> Codes:
    """Return the matches in which both labels say something of a subject."""
    return np.flatnonzero((codes[pairs.a] >= 0) & (codes[pairs.b] >= 0))


def _in_order(sets: AnnotationSets, pairs: Pairs, chosen: Codes, codes: Codes) -> tuple[Codes, Codes]:
    """Return the codes of both labels of some matches, the lower worker's first."""
    a, b = codes[pairs.a[chosen]], codes[pairs.b[chosen]]
    pair = pairs.pair[chosen]
    swapped = sets.worker[pairs.first[pair]] > sets.worker[pairs.second[pair]]
    return np.where(swapped, b, a), np.where(swapped, a, b)
