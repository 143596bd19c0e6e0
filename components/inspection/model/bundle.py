"""A trained model as a folder, and its detections, the same in the engine and on a device.

The folder holds `model.tflite` (one LiteRT graph from pixels to score, map and drift statistics),
`bundle.json` (input, calibration, threshold, labels) and `training.json` (how the model came about).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brume.inspection.model import images
from brume.inspection.model.calibration import Sigmoid

FORMAT, VERSION = "brume-inspection-bundle", 1
_FIELDS = (
    "model",
    "sha256",
    "input",
    "calibration",
    "threshold",
    "map_threshold",
    "labels",
    "segmentation",
    "drift",
)
Floats = npt.NDArray[np.float32]


class BundleError(ValueError):
    """A folder that is no usable bundle; the message names the file, the field and the remedy."""


@dataclass(frozen=True)
class Label:
    """What one channel of the map shows, and the colour to draw it in (`#RRGGBB`)."""

    name: str
    color: str


@dataclass(frozen=True)
class Detection:
    """A model's result for one picture.

    `score` is the graph's own, `probability` that of being anomalous after calibration, `confidence` that of
    the decision taken. `map` is float32 [h, w, K] in 0..1, one channel for each label, coarser than the
    picture; `drift` are the statistics that `Bundle.drift` names.
    """

    score: float
    probability: float
    anomalous: bool
    confidence: float
    map: Floats
    drift: Floats


@dataclass(frozen=True)
class Drift:
    """The drift statistics: names, means and standard deviations over normal training images."""

    names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Bundle:
    """A loaded model. One thread may use it at a time."""

    interpreter: Any
    height: int
    width: int
    calibration: Sigmoid
    threshold: float
    map_threshold: float
    labels: tuple[Label, ...]
    segmentation: bool
    drift: Drift
    about: dict[str, Any]  # bundle.json as it stands

    @classmethod
    def load(cls, folder: Path, threads: int = 1) -> Bundle:
        """Load the bundle in `folder`, to run with `threads` threads. Raises `BundleError`."""
        about = read_about(folder)
        path = folder / about["model"]
        try:
            graph = path.read_bytes()
        except OSError as error:
            problem = f"{path}: cannot be read ({error.strerror}); copy the whole bundle again"
            raise BundleError(problem) from error
        if hashlib.sha256(graph).hexdigest() != about["sha256"]:
            raise BundleError(f"{path}: not the file that bundle.json describes; copy the whole bundle again")
        from ai_edge_litert.interpreter import Interpreter  # late: it takes a second to import

        interpreter = Interpreter(model_content=graph, num_threads=threads)
        interpreter.allocate_tensors()
        return cls(
            interpreter=interpreter.get_signature_runner("serving_default"),
            height=int(about["input"]["height"]),
            width=int(about["input"]["width"]),
            calibration=Sigmoid(float(about["calibration"]["a"]), float(about["calibration"]["b"])),
            threshold=float(about["threshold"]),
            map_threshold=float(about["map_threshold"]),
            labels=tuple(Label(label["name"], label["color"]) for label in about["labels"]),
            segmentation=bool(about["segmentation"]),
            drift=Drift(*(tuple(about["drift"][part]) for part in ("names", "mean", "std"))),
            about=about,
        )

    def with_threshold(self, probability: float) -> Bundle:
        """Return the same model deciding at another probability, from 0 to 1."""
        if not 0 <= probability <= 1:
            raise ValueError(f"a threshold is a probability from 0 to 1, not {probability}")
        return replace(self, threshold=probability)

    def detect(self, image: images.Pixels) -> Detection:
        """Detect anomalies in one picture, uint8 [H, W, 3] RGB of any size (see `images.decode`)."""
        small = images.resize(image, self.height, self.width)
        out = self.interpreter(image=small[None])
        score = float(out["score"][0, 0])
        probability = self.calibration.probability(score)
        anomalous = probability >= self.threshold
        return Detection(
            score=score,
            probability=probability,
            anomalous=anomalous,
            confidence=probability if anomalous else 1 - probability,
            map=out["map"][0],
            drift=out["drift"][0],
        )


def read_about(folder: Path) -> dict[str, Any]:
    """Return a bundle's `bundle.json`, checked for what every reader needs. Raises `BundleError`."""
    path = folder / "bundle.json"
    try:
        about = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise BundleError(f"{folder}: no bundle.json here; give the folder of a trained model") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: cannot be read: {error}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise BundleError(f"{path}: field format is not {FORMAT!r}")
    if about.get("version") != VERSION:
        raise BundleError(f"{path}: version {about.get('version')!r}; this program reads version {VERSION}")
    missing = [field for field in _FIELDS if field not in about]
    if missing:
        raise BundleError(f"{path}: without {', '.join(missing)}; write the bundle again")
    return about
