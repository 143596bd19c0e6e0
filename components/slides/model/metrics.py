"""The metrics of a model on slides, as plain values that can be written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from brume.statistics import Interval


@dataclass(frozen=True)
class ClassMetrics:
    """One class against the rest. A metric that is not defined is None, with its `reason`.

    `roc` holds points of (false positive rate, true positive rate, threshold) from (0, 0) to (1, 1); the
    first threshold, which no slide reaches, is given as 1.
    """

    label: str
    slides: int
    patients: int
    precision: float | None
    recall: float | None
    auc: float | None
    auc_interval: Interval | None
    roc: tuple[tuple[float, float, float], ...]
    reason: str


@dataclass(frozen=True)
class Evaluation:
    """The slides of one split against their labels.

    `confusion[i][j]` counts slides of class i predicted as class j by the mean of their tiles.
    `unlabelled` slides of the split are left out. `notes` has what a reader must know before quoting a
    metric: classes without an AUC, or without an interval.
    """

    split: str
    classes: tuple[str, ...]
    slides: int
    patients: int
    tiles: int
    unlabelled: int
    accuracy_mean: float | None
    accuracy_vote: float | None
    accuracy_interval: Interval | None
    balanced_accuracy: float | None
    macro_f1: float | None
    mean_auc: float | None
    mean_auc_interval: Interval | None
    confusion: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassMetrics, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists, numbers and None, ready for `json.dumps(..., allow_nan=False)`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Evaluation:
        """Return the evaluation that `to_json` gave, also after a way through a JSON file."""
        per_class = tuple(
            ClassMetrics(
                **{
                    **metrics,
                    "auc_interval": _interval(metrics["auc_interval"]),
                    "roc": tuple((point[0], point[1], point[2]) for point in metrics["roc"]),
                }
            )
            for metrics in content["per_class"]
        )
        return cls(
            **{
                **content,
                "classes": tuple(content["classes"]),
                "accuracy_interval": _interval(content["accuracy_interval"]),
                "mean_auc_interval": _interval(content["mean_auc_interval"]),
                "confusion": tuple(tuple(row) for row in content["confusion"]),
                "per_class": per_class,
                "notes": tuple(content["notes"]),
            }
        )


def headline(found: Evaluation) -> dict[str, float]:
    """Return the metrics that a dashboard shows, by name; those that are not defined are left out."""
    named: dict[str, float | None] = {
        "slide_accuracy": found.accuracy_mean,
        "slide_accuracy_vote": found.accuracy_vote,
        "balanced_accuracy": found.balanced_accuracy,
        "macro_f1": found.macro_f1,
        "mean_auc": found.mean_auc,
        "mean_auc_low": found.mean_auc_interval.low if found.mean_auc_interval else None,
        "mean_auc_high": found.mean_auc_interval.high if found.mean_auc_interval else None,
        **{f"auc_{metrics.label}": metrics.auc for metrics in found.per_class},
        "test_slides": float(found.slides),
        "test_patients": float(found.patients),
    }
    return {name: value for name, value in named.items() if value is not None}


def _interval(content: Mapping[str, Any] | None) -> Interval | None:
    return Interval(**content) if content else None


def notes_on(found: Evaluation) -> tuple[str, ...]:
    """Return what a reader must know: which metrics have no value and why, and which are uncertain."""
    if not found.slides:
        return (f"The {found.split} split has no labelled slide: accuracy is not known.",)
    notes = []
    if found.unlabelled:
        notes.append(f"{found.unlabelled} slides of the {found.split} split have no known label: left out.")
    missing = [metrics for metrics in found.per_class if metrics.auc is None]
    notes += [f"AUC of {metrics.label}: {metrics.reason}." for metrics in missing]
    if missing and found.mean_auc is not None:
        with_auc = [metrics.label for metrics in found.per_class if metrics.auc is not None]
        notes.append(f"The mean AUC is over {', '.join(with_auc)} only.")
    notes += [
        f"AUC of {metrics.label}: {metrics.reason}."
        for metrics in found.per_class
        if metrics.auc is not None and metrics.reason
    ]
    return tuple(notes)
