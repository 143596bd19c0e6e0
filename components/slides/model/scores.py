"""Slide predictions from tile probabilities, and their metrics on patients not trained on."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from brume import statistics, storage
from brume.slides.model.metrics import ClassMetrics, Evaluation, notes_on
from brume.statistics import Interval


class ScoreError(ValueError):
    """Scores that cannot be used; the message names the slide or file, and the column."""


@dataclass(frozen=True)
class SlideScore:
    """One slide: `probabilities` are the means over its tiles, in the order of the classes."""

    slide: str
    patient: str
    label: str
    split: str
    tiles: int
    probabilities: tuple[float, ...]
    mean_prediction: str
    vote_prediction: str


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Name the probability columns of the classes, in their order."""
    return [f"p_{name}" for name in classes]


def average_tiles(tile_scores: pa.Table, classes: Sequence[str]) -> list[SlideScore]:
    """Average the tile probabilities of each slide, and let its tiles vote.

    `mean_prediction` is the class of the highest mean. In the vote each tile counts for its most probable
    class; a tied vote goes to the higher mean probability. Remaining ties, within a tile as well, go to the
    first in the order of `classes`. Slides come sorted by name. Raises `ScoreError` for a missing column or
    a probability that is not a number.
    """
    columns = probability_columns(classes)
    missing = {"slide", "patient", "label", "split", *columns} - set(tile_scores.column_names)
    if missing or not classes:
        raise ScoreError(f"the tile scores lack the columns {sorted(missing)} of the classes {list(classes)}")
    names, inverse = np.unique(
        np.asarray(tile_scores["slide"].to_pylist(), dtype=np.str_), return_inverse=True
    )
    values = np.stack(
        [np.asarray(tile_scores[name].to_numpy(), dtype=np.float64) for name in columns], axis=1
    )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise ScoreError(
            f"slide {names[inverse[bad[0]]]}: {bad.size} of all tiles have a probability that is no number"
        )
    counts = np.bincount(inverse, minlength=len(names))
    means = np.zeros((len(names), len(classes)))
    np.add.at(means, inverse, values)
    means /= counts[:, None]
    votes = np.zeros_like(means)
    np.add.at(votes, (inverse, values.argmax(axis=1)), 1)

    _, first = np.unique(inverse, return_index=True)
    described = tile_scores.select(["patient", "label", "split"]).take(pa.array(first)).to_pylist()
    scores = []
    for index, name in enumerate(names):
        mean, vote = means[index], votes[index]
        leading = np.where(vote == vote.max(), mean, -1.0)
        scores.append(
            SlideScore(
                slide=str(name),
                patient=described[index]["patient"],
                label=described[index]["label"],
                split=described[index]["split"],
                tiles=int(counts[index]),
                probabilities=tuple(float(p) for p in mean),
                mean_prediction=classes[int(mean.argmax())],
                vote_prediction=classes[int(leading.argmax())],
            )
        )
    return scores


def write_slide_scores(path: str, scores: Sequence[SlideScore], classes: Sequence[str]) -> None:
    """Write the scores as CSV, one row per slide; probabilities keep their full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(classes))
    for score in scores:
        described = [score.slide, score.patient, score.label, score.split, score.tiles]
        predicted = [score.mean_prediction, score.vote_prediction]
        writer.writerow([*described, *map(repr, score.probabilities), *predicted])
    storage.write_bytes(path, text.getvalue().encode())


def read_slide_scores(path: str) -> tuple[list[SlideScore], list[str]]:
    """Read what `write_slide_scores` wrote: the scores and the classes.

    Raises `ScoreError` naming the row.
    """
    rows = csv.reader(io.StringIO(storage.read_bytes(path).decode(), newline=""))
    header = next(rows, [])
    classes = [name.removeprefix("p_") for name in header[5:-2]]
    if header != _header(classes):
        raise ScoreError(f"{path}: the header is {header}, not that of slide scores ({_header(['CLASS'])})")
    scores = []
    for number, row in enumerate(rows, start=2):
        try:
            slide, patient, label, split, tiles, *values, mean, vote = row
            if len(values) != len(classes):
                raise ValueError(f"{len(row)} fields, not {len(header)}")
            probabilities = tuple(float(value) for value in values)
            scores.append(SlideScore(slide, patient, label, split, int(tiles), probabilities, mean, vote))
        except ValueError as error:
            raise ScoreError(f"{path}, row {number}: {error}") from error
    return scores, classes


def _header(classes: Sequence[str]) -> list[str]:
    return [
        *("slide", "patient", "label", "split", "tiles"),
        *probability_columns(classes),
        *("mean_prediction", "vote_prediction"),
    ]


def evaluate(
    scores: Sequence[SlideScore],
    classes: Sequence[str],
    *,
    split: str = "test",
) -> Evaluation:
    """Compare the slides of one split with their labels.

    The mean AUC is the unweighted mean of the one-vs-rest AUCs that are defined. The 95 % intervals are for
    as many samples as there are patients, of equal numbers of slides: of Clopper and Pearson for the
    accuracy, of Newcombe for an AUC; that of the mean AUC is the mean of theirs, which holds however they
    depend on each other. What is not defined, with one class only or a class absent, is None with its reason.
    """
    in_split = [score for score in scores if score.split == split]
    labelled = sorted((s for s in in_split if s.label in classes), key=lambda score: score.slide)
    truth = np.array([classes.index(score.label) for score in labelled], dtype=np.int64)
    mean = np.array([classes.index(score.mean_prediction) for score in labelled], dtype=np.int64)
    vote = np.array([classes.index(score.vote_prediction) for score in labelled], dtype=np.int64)
    values = np.array([score.probabilities for score in labelled], dtype=np.float64)
    values = values.reshape(-1, len(classes))
    # A slide whose patient is not known is a patient of its own.
    owners = np.array([score.patient or f"slide {score.slide}" for score in labelled], dtype=np.str_)
    names, patient, sizes = np.unique(owners, return_inverse=True, return_counts=True)
    per_class = [
        _one_against_rest(name, truth == index, mean == index, values[:, index], patient)
        for index, name in enumerate(classes)
    ]
    defined = [metrics.auc for metrics in per_class if metrics.auc is not None]
    bounds = [metrics.auc_interval for metrics in per_class if metrics.auc is not None]
    accuracy = float(accuracy_score(truth, mean)) if labelled else None
    present = sorted(set(truth.tolist()))
    _, recall, f1 = _macro(truth, mean, present)
    evaluation = Evaluation(
        split=split,
        classes=tuple(classes),
        slides=len(labelled),
        patients=len(names),
        tiles=sum(score.tiles for score in labelled),
        unlabelled=len(in_split) - len(labelled),
        accuracy_mean=accuracy,
        accuracy_vote=float(accuracy_score(truth, vote)) if labelled else None,
        accuracy_interval=(
            statistics.exact_interval(accuracy, statistics.effective_groups(sizes))
            if accuracy is not None and len(names) > 1
            else None
        ),
        balanced_accuracy=recall,
        macro_f1=f1,
        mean_auc=float(np.mean(defined)) if defined else None,
        mean_auc_interval=_mean_interval(bounds),
        confusion=_confusion(truth, mean, len(classes)),
        per_class=tuple(per_class),
        notes=(),
    )
    return replace(evaluation, notes=notes_on(evaluation))


def pooled_roc(
    scores: Sequence[SlideScore], classes: Sequence[str], *, split: str = "test"
) -> tuple[list[float], list[float], list[float]] | None:
    """Return one ROC for all classes: false positive rates, true positive rates and thresholds.

    Each slide counts once for every class, as that class against the rest (the micro-average). None where
    the split has no labelled slide, or the model one class only.
    """
    labelled = [score for score in scores if score.split == split and score.label in classes]
    if not labelled or len(classes) < 2:
        return None
    positive = np.array([[score.label == name for name in classes] for score in labelled]).ravel()
    values = np.array([score.probabilities for score in labelled]).ravel()
    false, true, thresholds = roc_curve(positive, values)
    return false.tolist(), true.tolist(), np.minimum(thresholds, 1.0).tolist()


def _mean_interval(bounds: Sequence[Interval | None]) -> Interval | None:
    """Return the mean of intervals, None where one is absent or there is none."""
    known = [interval for interval in bounds if interval is not None]
    if not known or len(known) < len(bounds):
        return None
    low, high = np.mean([(interval.low, interval.high) for interval in known], axis=0)
    return Interval(float(low), float(high))


def _one_against_rest(
    name: str,
    positive: NDArray[np.bool_],
    chosen: NDArray[np.bool_],
    values: NDArray[np.float64],
    patient: NDArray[np.int64],
) -> ClassMetrics:
    """Return the metrics of one class."""
    hits = int((positive & chosen).sum())
    own, others = (np.unique(patient[which], return_counts=True)[1] for which in (positive, ~positive))
    auc, interval, reason = None, None, ""
    roc: tuple[tuple[float, float, float], ...] = ()
    if not own.size:
        reason = f"no slide of class {name} in this split"
    elif not others.size:
        reason = f"every slide of this split is of class {name}"
    else:
        auc = float(roc_auc_score(positive, values))
        points = zip(*roc_curve(positive, values), strict=True)
        roc = tuple((float(f), float(t), min(float(level), 1.0)) for f, t, level in points)
        if min(own.size, others.size) < 2:
            reason = f"no interval: fewer than two patients with, or without, class {name}"
        else:
            interval = statistics.auroc_interval(auc, *map(statistics.effective_groups, (own, others)))
    return ClassMetrics(
        label=name,
        slides=int(positive.sum()),
        patients=int(own.size),
        precision=hits / int(chosen.sum()) if chosen.any() else None,
        recall=hits / int(positive.sum()) if own.size else None,
        auc=auc,
        auc_interval=interval,
        roc=roc,
        reason=reason,
    )


def _macro(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], present: list[int]
) -> tuple[float | None, float | None, float | None]:
    """Return precision, recall and F1 averaged over the classes that the split has."""
    if not present:
        return None, None, None
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=present, average="macro", zero_division=0.0
    )
    return float(precision), float(recall), float(f1)


def _confusion(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> tuple[tuple[int, ...], ...]:
    if not truth.size:
        return ((0,) * classes,) * classes
    if classes == 1:
        return ((len(truth),),)
    matrix = confusion_matrix(truth, predicted, labels=range(classes))
    return tuple(tuple(int(count) for count in row) for row in matrix)
