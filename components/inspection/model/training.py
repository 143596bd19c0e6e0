"""Training: from labelled pictures to a model with threshold and metrics from unseen ones.

Each step is one module: `samples` decodes the pictures, `cross_validation` computes out-of-fold statistics,
`selection` ranks the candidates by them, `assembly` fits the best on all pictures, `calibration` sets
probabilities and threshold, `export` writes the graph.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brume import storage
from brume.inspection.model import calibration
from brume.inspection.model.bundle import FORMAT, VERSION
from brume.inspection.model.metrics import model_metrics
from brume.inspection.model.samples import (
    FEWEST_ANOMALIES,
    AnomalyClass,
    Sample,
    TrainingError,
    check_samples,
    read_samples,
)


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    With both costs 0 the threshold makes F1 greatest; else it makes the expected cost of misses and false
    alarms least. With fewer than `FEWEST_ANOMALIES` anomalous images it is set by the normal ones, whatever
    the costs. `backbone` is a file of a pretrained Keras model (see `detectors.backbone`), "" for none.
    """

    seed: int = 0
    folds: int = 5
    miss_cost: float = 0
    false_alarm_cost: float = 0
    backbone: str = ""


@dataclass(frozen=True)
class TrainedModel:
    """A trained model: the LiteRT graph, the contents of `bundle.json` and of `training.json`."""

    graph: bytes
    about: dict[str, Any]
    training: dict[str, Any]
    chosen: str
    tried: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the bundle to `folder`, whole or not at all."""
        with storage.replacing(folder) as partial:
            partial.mkdir(parents=True)
            (partial / "model.tflite").write_bytes(self.graph)
            for name, value in (("bundle.json", self.about), ("training.json", self.training)):
                (partial / name).write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")
            shutil.rmtree(folder, ignore_errors=True)


def _no_progress(share: float, step: str) -> None:
    pass


def train_model(
    samples: Sequence[Sample],
    *,
    classes: Sequence[AnomalyClass] = (),
    settings: TrainingSettings = TrainingSettings(),
    progress: Callable[[float, str], None] = _no_progress,
) -> TrainedModel:
    """Train on `samples`, choosing among detectors by cross-validation.

    `progress` is called with the share done (0..1) and the name of the next step. The same samples, settings
    and machine give the same model. Raises `TrainingError` for too few normal pictures or one that cannot be
    read.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    began = time.monotonic()
    if settings.folds < 3:
        raise TrainingError("cross-validation within cross-validation takes at least 3 folds")
    check_samples(samples)
    progress(0.0, "reading pictures")
    training_set = read_samples(samples, classes)
    from brume.inspection.model import assembly, selection  # late: they import TensorFlow

    selected = selection.select(
        training_set,
        folds=settings.folds,
        seed=settings.seed,
        backbone=settings.backbone,
        progress=lambda share, step: progress(0.1 + 0.7 * share, step),
    )
    best = selected.best
    progress(0.85, f"training {best.name}")
    assembled = assembly.assemble(training_set, selected, settings.seed)
    anomalous = training_set.labels.anomalous
    costs = (settings.miss_cost, settings.false_alarm_cost)
    calibrated = calibration.calibrate(best.scores, anomalous, FEWEST_ANOMALIES, *costs)
    progress(0.95, "writing the model")
    graph = assembled.graph.to_litert()
    segmentation = training_set.labels.masks is not None
    height, width = training_set.pictures.shape[1:3]
    about = {
        "format": FORMAT,
        "version": VERSION,
        "model": "model.tflite",
        "sha256": hashlib.sha256(graph).hexdigest(),
        "input": {"height": height, "width": width, "resize": "bilinear"},
        "outputs": {"score": "float32 [1,1]", "map": "float32 [1,h,w,K]", "drift": "float32 [1,D]"},
        "calibration": {"kind": "sigmoid", "a": calibrated.sigmoid.a, "b": calibrated.sigmoid.b},
        "threshold": calibrated.threshold,
        "map_threshold": assembled.map_threshold,
        "labels": [
            asdict(one) for one in (classes if segmentation else [AnomalyClass("anomaly", "#FFFFFF")])
        ],
        "segmentation": segmentation,
        "drift": assembled.drift,
        "project": "",
        "model_version": "",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    tried = [{"name": one.name, "auroc": one.auroc, "loss": one.loss} for one in selected.candidates]
    probabilities = calibrated.probabilities
    training = {
        "chosen": best.name,
        "tried": tried,
        "figures": model_metrics(anomalous, probabilities, calibrated.threshold).to_json(),
        "pixel_auroc": assembled.pixel_auroc,
        "out_of_fold": {
            sample.key: {
                "anomalous": sample.anomalous,
                "score": float(score),
                "probability": float(probability),
            }
            for sample, score, probability in zip(samples, best.scores, probabilities, strict=True)
        },
        "notes": _notes(anomalous),
        "seconds": round(time.monotonic() - began, 1),
    }
    progress(1.0, "trained")
    return TrainedModel(graph, about, training, best.name, tried)


def _notes(anomalous: npt.NDArray[np.bool_]) -> list[str]:
    """Return what must be known before a metric is quoted."""
    normal, others = int((~anomalous).sum()), int(anomalous.sum())
    notes = [
        f"With {normal} normal images, no false alarm rate below 1 in {normal + 1} can be promised.",
    ]
    if others < FEWEST_ANOMALIES:
        notes.append(
            f"With {others} anomalous images (fewer than {FEWEST_ANOMALIES}), detectors were not chosen but"
            " used together, and the threshold allows false alarms on about"
            f" {max(calibration.FALSE_ALARMS, 1 / (normal + 1)):.0%} of normal images; probabilities order"
            " images but are no frequencies."
        )
    else:
        notes.append(
            "The best of several candidates was chosen by these out-of-fold scores, so its metrics are"
            " optimistic."
        )
    return notes
