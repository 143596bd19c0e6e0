"""Training: from a project's labelled pictures to a model whose figures can be trusted."""

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
from PIL import Image

from brume import storage
from brume.inspection.model import calibration, images
from brume.inspection.model.bundle import FORMAT, VERSION
from brume.inspection.model.detectors import Labels
from brume.inspection.model.metrics import figures
from brume.inspection.model.scoring_head import FEWEST_ANOMALIES

FEWEST_NORMALS = 10  # below this, no spread of normal pictures can be estimated
_PIXELS = 256 * 192  # about the number of pixels that detectors look at


class FitError(ValueError):
    """Pictures from which no model can be made; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    `load` gives the PNG or JPEG file; `mask` uint8 [H, W], 0 for background and i for `classes[i - 1]`.
    """

    key: str
    load: Callable[[], bytes]
    anomalous: bool
    mask: Callable[[], npt.NDArray[np.uint8]] | None = None


@dataclass(frozen=True)
class AnomalyClass:
    """A kind of anomaly that masks show, and its colour (`#RRGGBB`)."""

    name: str
    color: str


@dataclass(frozen=True)
class FitSettings:
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
class Fitted:
    """A trained model: the LiteRT graph, what `bundle.json` says of it, and how it came about."""

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


def _quiet(done: float, what: str) -> None:
    pass


def fit(
    samples: Sequence[Sample],
    *,
    classes: Sequence[AnomalyClass] = (),
    settings: FitSettings = FitSettings(),
    tell: Callable[[float, str], None] = _quiet,
) -> Fitted:
    """Train on `samples`, choosing among detectors by cross-validation.

    `tell` is told the share done (0..1) and what comes next. The same samples, settings and machine give the
    same model. Raises `FitError` for too few normal pictures or one that cannot be read.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    began = time.monotonic()
    anomalous = np.array([sample.anomalous for sample in samples], dtype=bool)
    _check(anomalous, settings)
    tell(0.0, "reading pictures")
    pictures = _read(samples)
    labels = _labels(samples, anomalous, classes, pictures.shape[1:3])
    from brume.inspection.model.learning import learn  # late: it imports TensorFlow

    trained = learn(pictures, labels, settings, tell)
    best = trained.ways[0]
    scores = best.scores
    few = int(anomalous.sum()) < FEWEST_ANOMALIES
    sigmoid = calibration.by_normals(scores[~anomalous]) if few else calibration.platt(scores, anomalous)
    probabilities = sigmoid.probabilities(scores)
    costs = (settings.miss_cost, settings.false_alarm_cost)
    threshold = (
        calibration.few_threshold(probabilities, anomalous, int(anomalous.sum()) / FEWEST_ANOMALIES)
        if few
        else calibration.choose_threshold(probabilities, anomalous, *costs)
    )
    tell(0.95, "writing the model")
    graph = trained.graph.to_litert()
    shown = classes if labels.masks is not None else (AnomalyClass("anomaly", "#FFFFFF"),)
    about = {
        "format": FORMAT,
        "version": VERSION,
        "model": "model.tflite",
        "sha256": hashlib.sha256(graph).hexdigest(),
        "input": {"height": pictures.shape[1], "width": pictures.shape[2], "resize": "bilinear"},
        "outputs": {"score": "float32 [1,1]", "map": "float32 [1,h,w,K]", "drift": "float32 [1,D]"},
        "calibration": {"kind": "sigmoid", "a": sigmoid.a, "b": sigmoid.b},
        "threshold": threshold,
        "map_threshold": trained.map_threshold,
        "labels": [asdict(label) for label in shown],
        "segmentation": labels.masks is not None,
        "drift": trained.drift,
        "project": "",
        "model_version": "",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    tried = [{"name": way.name, "auroc": way.auroc, "loss": way.loss} for way in trained.ways]
    training = {
        "chosen": best.name,
        "tried": tried,
        "figures": figures(anomalous, probabilities, threshold).to_json(),
        "pixel_auroc": trained.pixel_auroc,
        "out_of_fold": {
            sample.key: {
                "anomalous": sample.anomalous,
                "score": float(score),
                "probability": float(probability),
            }
            for sample, score, probability in zip(samples, scores, probabilities, strict=True)
        },
        "notes": _notes(anomalous),
        "seconds": round(time.monotonic() - began, 1),
    }
    tell(1.0, "trained")
    return Fitted(graph, about, training, best.name, tried)


def _check(anomalous: npt.NDArray[np.bool_], settings: FitSettings) -> None:
    if settings.folds < 3:
        raise FitError("cross-validation within cross-validation takes at least 3 folds")
    normal = int((~anomalous).sum())
    if normal < FEWEST_NORMALS:
        raise FitError(
            f"{normal} normal images are too few to learn what is normal: give at least {FEWEST_NORMALS}"
            + (" (all images are labelled anomalous)" if anomalous.any() and not normal else "")
        )


def _notes(anomalous: npt.NDArray[np.bool_]) -> list[str]:
    """Return what must be known before a figure is quoted."""
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
            "The best of several ways was chosen by these out-of-fold scores, which flatters its figures."
        )
    return notes


def _read(samples: Sequence[Sample]) -> npt.NDArray[np.uint8]:
    """Decode all pictures to one size, that of `working_size` for the first."""
    small: list[images.Pixels] = []
    size: tuple[int, int] | None = None
    for sample in samples:
        try:
            picture = images.decode(sample.load())
        except (images.ImageError, storage.StorageError, OSError) as error:
            raise FitError(f"{sample.key}: {error}") from error
        size = size or working_size(*picture.shape[:2])
        small.append(images.resize(picture, *size))
    return np.stack(small)


def _labels(
    samples: Sequence[Sample],
    anomalous: npt.NDArray[np.bool_],
    classes: Sequence[AnomalyClass],
    size: tuple[int, int],
) -> Labels:
    """Read the masks, if classes are given, to a quarter of the size."""
    if not classes:
        return Labels(anomalous)
    rows, columns = size[0] // 4, size[1] // 4
    masks = np.zeros((len(samples), rows, columns), np.uint8)
    masked = ~anomalous
    for index, sample in enumerate(samples):
        if sample.mask is None or not sample.anomalous:
            continue
        try:
            mask = sample.mask()
        except (storage.StorageError, OSError, ValueError) as error:
            raise FitError(f"{sample.key}: the mask cannot be used: {error}") from error
        if mask.ndim != 2 or mask.max(initial=0) > len(classes):
            raise FitError(f"{sample.key}: a mask is [height, width] with values from 0 to {len(classes)}")
        masks[index], masked[index] = shrink_mask(mask, rows, columns, len(classes)), True
    shown = int((masked & anomalous).sum())
    if shown < FEWEST_ANOMALIES:
        raise FitError(
            f"{shown} anomalous images with a mask are too few to learn anomaly classes from:"
            f" give at least {FEWEST_ANOMALIES}, or train without classes"
        )
    return Labels(anomalous, masks, masked, len(classes))


def shrink_mask(mask: npt.NDArray[np.uint8], rows: int, columns: int, classes: int) -> npt.NDArray[np.uint8]:
    """Return the class of every place of a coarser grid: the commonest where 40 % or more is anomalous."""
    shown = [Image.fromarray((mask == kind).astype(np.float32)) for kind in range(1, classes + 1)]
    stack = np.stack([np.asarray(one.resize((columns, rows), Image.Resampling.BOX)) for one in shown])
    return np.where(stack.sum(axis=0) >= 0.4, stack.argmax(axis=0) + 1, 0).astype(np.uint8)


def working_size(height: int, width: int) -> tuple[int, int]:
    """Return the size that detectors look at: at most about 49,000 pixels in multiples of 32."""
    scale = min(1.0, (_PIXELS / (height * width)) ** 0.5)
    return max(64, round(height * scale / 32) * 32), max(64, round(width * scale / 32) * 32)
