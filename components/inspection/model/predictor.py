"""Serve a trained model by KServe's V1 and V2: from pictures to decisions and masks.

    python -m brume.inspection.model.predictor --model DIR_OR_URI --name NAME --port 8080

    curl localhost:8080/v1/models/NAME:predict -d '{"instances": [{"b64": "..."}]}'

An instance is a PNG or JPEG file in base64; with `"threshold": p` it is decided at that probability instead
of the model's own, and `"heatmap": true` adds the anomaly map. Each prediction is

    {"score", "probability", "anomalous", "confidence", "drift": [...],
     "anomalies": [{"name", "area", "color"}], "mask": PNG in base64,   # models that were trained with masks
     "map": PNG in base64}                                              # on request

where `area` is the share of the picture, 0 to 1, and the first of the anomalies is the background. By V2 the
input is `image`, the output `predictions`: BYTES, each element such a prediction in JSON.
"""

from __future__ import annotations

import base64
import math
import queue
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brume import storage
from brume.cluster import predictor_server
from brume.cluster.inference import RequestError, Tensors, image_bytes
from brume.cluster.predictor_server import ModelError, local_copy
from brume.inspection.model import masks
from brume.inspection.model.bundle import Bundle, BundleError, Detection
from brume.inspection.model.images import ImageError, decode


class Predictor:
    """One interpreter for each request that runs at once: none of them may be shared by threads."""

    tensors = Tensors("image", "predictions")

    def __init__(self, uri: str, workers: int, threads: int) -> None:
        """Load the bundle at `uri` `workers` times. Raises `ModelError` when it cannot be served."""
        self._free: queue.SimpleQueue[Bundle] = queue.SimpleQueue()
        with tempfile.TemporaryDirectory(prefix="brume-model-") as scratch:
            try:
                folder = local_copy(uri, Path(scratch))
                for _ in range(workers):
                    bundle = Bundle.load(folder, threads)
                    self._free.put(bundle)
            except (BundleError, storage.StorageError, OSError) as error:
                raise ModelError(str(error)) from error
        self.about = {key: bundle.about[key] for key in ("labels", "segmentation", "threshold", "created")}

    def preprocess(self, instances: Sequence[Any]) -> list[_Request]:
        """Return the files of a request and how each is decided. Raises `RequestError`."""
        return [_request(instance, index) for index, instance in enumerate(instances)]

    def predict(self, inputs: Sequence[_Request], stop: threading.Event) -> list[dict[str, Any]]:
        """Return the predictions; a file is decoded when its turn comes. Raises `TimeoutError` by `stop`."""
        bundle = self._free.get()
        try:
            predictions = []
            for index, asked in enumerate(inputs):
                if stop.is_set():
                    raise TimeoutError
                predictions.append(_predict(bundle, asked, index, len(inputs)))
        finally:
            self._free.put(bundle)
        return predictions


@dataclass(frozen=True)
class _Request:
    """A picture's file, the probability it is decided at (None: the model's), and if its map is wanted."""

    data: bytes
    threshold: float | None = None
    heatmap: bool = False


def _request(instance: Any, index: int) -> _Request:
    data = image_bytes(instance, index)
    if isinstance(instance, bytes):
        return _Request(data)
    threshold = instance.get("threshold")
    if threshold is not None and (not isinstance(threshold, int | float) or not 0 <= threshold <= 1):
        raise RequestError(f"instance {index}: threshold must be a probability from 0 to 1")
    return _Request(data, None if threshold is None else float(threshold), instance.get("heatmap") is True)


def _predict(bundle: Bundle, asked: _Request, index: int, count: int) -> dict[str, Any]:
    if asked.threshold is not None:
        bundle = bundle.with_threshold(asked.threshold)
    try:
        image = decode(asked.data)
    except ImageError as error:
        raise RequestError(f"instance {index}: {error}" if count > 1 else str(error)) from error
    detection = bundle.detect(image)
    if not math.isfinite(detection.probability):
        raise ValueError(f"the model gave the probability {detection.probability}")
    prediction = {
        "score": detection.score,
        "probability": detection.probability,
        "anomalous": detection.anomalous,
        "confidence": detection.confidence,
        "drift": [float(value) for value in detection.drift],
        **(_areas(bundle, detection, *image.shape[:2]) if bundle.segmentation else {"anomalies": []}),
    }
    if asked.heatmap:
        prediction["map"] = base64.b64encode(masks.heatmap(detection.map)).decode()
    return prediction


def _areas(bundle: Bundle, detection: Detection, height: int, width: int) -> dict[str, Any]:
    """Return the anomalies and the mask, as large as the picture; a normal picture shows background alone."""
    # Above 1 there is nothing: what is decided normal has no anomalous part, wherever the map is highest.
    classes = masks.classify(
        detection.map, bundle.map_threshold if detection.anomalous else 2.0, height, width
    )
    colors = [masks.drawn(label.color) for label in bundle.labels]
    names = [masks.BACKGROUND, *(label.name for label in bundle.labels)]
    shares = [float((classes == index).mean()) for index in range(len(names))]
    found = [
        {"name": name, "area": share, "color": color}
        for name, share, color in zip(names, shares, [masks.BACKGROUND_COLOR, *colors], strict=True)
        if share > 0 or name == masks.BACKGROUND
    ]
    return {"anomalies": found, "mask": base64.b64encode(masks.write(classes, colors)).decode()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, which lets running requests finish."""
    parser = predictor_server.arguments_parser("brume.inspection.model.predictor", "the model's bundle")
    parser.add_argument("--threads", type=int, default=1, help="threads of one request")
    options = parser.parse_args(arguments)

    predictor_server.run(options, lambda: Predictor(options.model, options.workers, options.threads))


if __name__ == "__main__":
    main()
