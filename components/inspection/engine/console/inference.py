"""Detection with a model that is not hosted: its bundle is loaded in the engine's process.

The bundle is the one that hosting runs, so a trial gives the same result as a detection.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brume import storage
from brume.aws.engine.service import ServiceError
from brume.inspection.engine.errors import conflict
from brume.inspection.engine.locations import Locations
from brume.inspection.engine.rows import AnyRow
from brume.inspection.engine.training_files import BUNDLE
from brume.inspection.model import images, masks
from brume.inspection.model.bundle import Bundle, BundleError, Detection

_KEPT = 4  # models in memory


@dataclass
class _Loaded:
    bundle: Bundle
    lock: threading.Lock = field(default_factory=threading.Lock)  # one thread at a time may use a bundle


class LoadedModels:
    """The models that were used last, in memory."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def detect(self, model: AnyRow, pixels: images.Pixels) -> Detection:
        """Detect anomalies in one picture with the model of a row of `models`, at the threshold in force.

        Raises `ServiceError` when the model's files cannot be used.
        """
        loaded = self._load(model)
        with loaded.lock:
            return loaded.bundle.with_threshold(threshold(model)).detect(pixels)

    def check(self, model: AnyRow) -> None:
        """Load a model. Raises `ServiceError` when its files cannot be used."""
        self._load(model)

    def _load(self, model: AnyRow) -> _Loaded:
        folder = storage.join(self._locations.model(model.project, model.version), BUNDLE)
        with self._lock:
            if folder not in self._loaded:
                try:
                    self._loaded[folder] = _Loaded(_read(folder))
                except (BundleError, OSError, storage.StorageError) as error:
                    raise ServiceError(
                        "InternalServerException", f"the model cannot be used: {error}"
                    ) from error
            self._loaded.move_to_end(folder)
            while len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
            return self._loaded[folder]


def _read(uri: str) -> Bundle:
    if not storage.is_remote(uri):
        return Bundle.load(Path(uri))
    folder = Path(tempfile.mkdtemp(prefix="brume-bundle-"))
    try:
        for entry in storage.list_files(uri):
            storage.fetch(entry.uri, folder)
        return Bundle.load(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def trained(project: AnyRow, model: AnyRow) -> None:
    """Raise ConflictException unless the model's training has ended well."""
    if model.bundle is None:
        raise conflict(
            f"version {model.version} of project {project.name} is {model.status}: "
            "only a trained model can be used",
            f"{project.name}/{model.version}",
            "MODEL",
        )


def threshold(model: AnyRow) -> float:
    """Return the probability from which on a trained model calls a picture anomalous."""
    return float(json.loads(model.bundle)["threshold"] if model.threshold is None else model.threshold)


def anomalies(model: AnyRow, detection: Detection, height: int, width: int) -> list[dict[str, Any]]:
    """Return each kind of anomaly that a segmentation model found, and its share of the picture."""
    about = json.loads(model.bundle)
    if not about["segmentation"] or not detection.anomalous:
        return []
    classes = masks.classify(detection.map, float(about["map_threshold"]), height, width)
    shares = [float((classes == index).mean()) for index in range(1, len(about["labels"]) + 1)]
    return [
        {"Name": label["name"], "Color": masks.drawn(label["color"]), "TotalPercentageArea": share}
        for label, share in zip(about["labels"], shares, strict=True)
        if share > 0
    ]
