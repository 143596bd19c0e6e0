"""Evaluation of a model by the predictions that the service wrote for its test images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brume import storage
from brume.aws import addresses
from brume.inspection.model.intervals import intervals
from brume.inspection.model.manifest import DETECTED, parse_line
from brume.inspection.model.metrics import ModelMetrics, model_metrics, roc
from brume.statistics import Interval


@dataclass(frozen=True)
class Prediction:
    """The prediction for one test image; `probability` is that of being anomalous."""

    source_ref: str
    truth: bool
    anomalous: bool
    probability: float


@dataclass(frozen=True)
class Evaluation:
    """A model's metrics on its test images, and the ROC as kfp takes it: fpr, tpr, thresholds."""

    metrics: ModelMetrics
    roc: tuple[list[float], list[float], list[float]] | None

    @property
    def intervals(self) -> dict[str, Interval]:
        """95 % confidence intervals of precision, recall, f1 and auroc, by name, where they are defined."""
        return intervals(self.metrics)

    @property
    def confusion(self) -> list[list[int]]:
        """Counts with true classes in rows and predicted ones in columns, normal before anomaly."""
        found = self.metrics
        return [
            [found.true_negatives, found.false_positives],
            [found.false_negatives, found.true_positives],
        ]


def predictions(model: Mapping[str, Any]) -> list[Prediction]:
    """Read the evaluation manifest that a model's description names."""
    found = []
    for text in _read(model["EvaluationManifest"]).decode().split("\n"):
        if not text.strip():
            continue
        line, detected = parse_line(text), json.loads(text)[DETECTED + "-metadata"]
        anomalous = detected["class-name"] == "anomaly"
        probability = float(detected["confidence"]) if anomalous else 1 - float(detected["confidence"])
        if line.anomalous is not None:
            found.append(Prediction(line.source_ref, line.anomalous, anomalous, probability))
    return found


def result(model: Mapping[str, Any]) -> dict[str, Any]:
    """Read the evaluation result that a model's description names: its metrics, and the candidates."""
    return dict(json.loads(_read(model["EvaluationResult"])))


def _read(where: Mapping[str, str]) -> bytes:
    return storage.read_bytes(addresses.for_step(f"s3://{where['Bucket']}/{where['Key']}"))


def evaluate(found: Sequence[Prediction]) -> Evaluation:
    """Evaluate the decisions as they were taken; AUROC and ROC by their probabilities."""
    truth = [item.truth for item in found]
    probabilities = [item.probability for item in found]
    # The decisions are the service's own: its threshold lies between the highest normal and lowest anomaly.
    called = [item.probability for item in found if item.anomalous]
    threshold = min(called) if called else 2.0
    points = roc(truth, probabilities)
    curve = tuple(map(list, zip(*points, strict=True))) if points else None
    return Evaluation(model_metrics(truth, probabilities, threshold), curve)  # type: ignore[arg-type]


def headline(model: Mapping[str, Any], evaluated: Evaluation) -> dict[str, float]:
    """Return the run's headline metrics: the service's own, and AUROC where it is defined."""
    performance = model.get("Performance") or {}
    shown = {name: performance.get(key) for name, key in _PERFORMANCE.items()}
    shown["auroc"] = evaluated.metrics.auroc
    return {name: round(float(value), 4) for name, value in shown.items() if value is not None}


_PERFORMANCE = {"f1": "F1Score", "precision": "Precision", "recall": "Recall"}
