"""Serve a trained model over HTTP by the protocols of KServe and TensorFlow Serving.

    python -m brume.slides.model.predictor --model DIR_OR_URI --name NAME --port 8080

    curl localhost:8080/v1/models/NAME:predict -d '{"instances": [{"b64": "..."}]}'

    curl localhost:8080/v2/models/NAME/infer -d '{"inputs": [{"name": "image_bytes", "datatype": "BYTES",
        "shape": [1], "data": ["..."]}]}'

An instance is a JPEG or PNG file in base64, as `{"b64": ...}` or, in TensorFlow Serving's form with the
input's name, `{"image_bytes": {"b64": ...}}`. The answer is `{"predictions": [[p0, p1, ...], ...]}`, one
row for each instance, in the order of the classes that `GET /v1/models/NAME/metadata` gives. By V2 the
output is `probabilities`, FP32 [N, classes]. Errors are `{"error": "..."}`. Request bodies are never written
to the log.
"""

from __future__ import annotations

import json
import struct
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from brume.cluster import predictor_server
from brume.cluster.inference import SIGNATURE, RequestError, Tensors, image_bytes
from brume.cluster.predictor_server import ModelError, local_copy

INPUT, OUTPUT = "image_bytes", "probabilities"
_TILES_A_SIDE = 4  # of the model's tiles, on the side of the largest image: a few bytes can claim gigabytes
_MAX_SIDE = 8192  # pixels, of an image for a model that does not record its tiles
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the markers that carry height and width


class Classifier:
    """A SavedModel and its classes.

    Its signature: image_bytes: string[N] -> probabilities: float32[N, C].
    """

    def __init__(self, uri: str, batch: int) -> None:
        """Load the model at `uri` (a folder or s3://); raises `ModelError` when it is not one of ours."""
        self._batch = batch
        with tempfile.TemporaryDirectory(prefix="brume-model-") as scratch:
            folder = local_copy(uri, Path(scratch))
            self.classes = _classes(folder, uri)
            training = _training(folder)
            import tensorflow as tf  # it takes seconds: after the checks that need none of it

            self._tf = tf
            try:
                self._model = tf.saved_model.load(str(folder))
                self._signature = self._model.signatures[SIGNATURE]
            except (OSError, KeyError, ValueError) as error:
                raise ModelError(f"{uri}: no SavedModel with a signature {SIGNATURE}: {error}") from error
        blank = tf.io.encode_png(tf.zeros([16, 16, 3], tf.uint8)).numpy()
        shape = tuple(self._run([blank]).shape)  # also pays for the first, slow call
        if shape != (1, len(self.classes)):
            raise ModelError(
                f"{uri}: one image gives {shape}, but labels.json has {len(self.classes)} classes"
            )

        self.about = {"classes": self.classes, **training}
        self.tensors = Tensors(INPUT, OUTPUT, len(self.classes))
        side = _TILES_A_SIDE * training["tile_size"] if "tile_size" in training else _MAX_SIDE
        self._max_pixels = side * side

    def preprocess(self, instances: Sequence[Any]) -> list[bytes]:
        """Return the image files of a request. Raises `RequestError` for one that is none or too large."""
        images = []
        for index, instance in enumerate(instances):
            image = image_bytes(instance, index)
            try:
                width, height = image_size(image)
            except ValueError as error:
                raise RequestError(f"instance {index}: {error}") from error
            if not 0 < width * height <= self._max_pixels:
                raise RequestError(
                    f"instance {index}: {width} x {height} pixels; an image may have 1 to "
                    f"{self._max_pixels}: cut it into tiles"
                )
            images.append(image)
        return images

    def predict(self, inputs: Sequence[bytes], stop: threading.Event) -> list[list[float]]:
        """Return one row of class probabilities for each JPEG or PNG file.

        Raises `RequestError` for one that cannot be decoded, and `TimeoutError` once `stop` is set.
        """
        rows: list[list[float]] = []
        for start in range(0, len(inputs), self._batch):
            if stop.is_set():
                raise TimeoutError
            part = inputs[start : start + self._batch]
            try:
                rows += self._run(part).tolist()
            except self._tf.errors.InvalidArgumentError:
                self._find_undecodable(part, start)
                raise
        return rows

    def _run(self, images: Sequence[bytes]) -> Any:
        tensor = self._tf.constant(list(images), dtype=self._tf.string)
        try:
            return self._signature(**{INPUT: tensor})[OUTPUT].numpy()
        except (TypeError, KeyError) as error:
            raise ModelError(f"the signature {SIGNATURE} is not {INPUT} -> {OUTPUT}: {error}") from error

    def _find_undecodable(self, images: Sequence[bytes], first: int) -> None:
        """Name the image that made a whole batch fail: TensorFlow does not name it."""
        for index, image in enumerate(images, first):
            try:
                self._tf.io.decode_image(image, channels=3, expand_animations=False)
            except self._tf.errors.InvalidArgumentError as error:
                raise RequestError(f"instance {index}: the image is damaged and cannot be decoded") from error


def _classes(folder: Path, uri: str) -> list[str]:
    try:
        classes = json.loads((folder / "labels.json").read_bytes())["classes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{uri}: labels.json, the model's list of classes, cannot be read: {error}"
        ) from error
    return [str(name) for name in classes]


def _training(folder: Path) -> dict[str, Any]:
    """Return what a client needs to cut the tiles that the model was trained on, where the model has it."""
    try:
        known = json.loads((folder / "training.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: known[key] for key in ("tile_size", "mpp") if key in known}


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels from the header of a JPEG (ITU T.81 B.2.2) or PNG (11.2.2) file.

    Raises `ValueError` when it is neither.
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    position = 2
    while data[:2] == b"\xff\xd8" and position + 9 <= len(data) and data[position] == 0xFF:
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in _JPEG_SIZES:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        # 0xFF before a marker is padding; every other segment here has a length, which counts itself.
        position += 1 if marker == 0xFF else 2 + length
    raise ValueError("not a JPEG or PNG image")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, which lets running requests finish."""
    parser = predictor_server.arguments_parser(
        "brume.slides.model.predictor", "the SavedModel and labels.json"
    )
    parser.add_argument("--batch", type=int, default=32, help="images that the model sees at once")
    options = parser.parse_args(arguments)

    predictor_server.run(options, lambda: Classifier(options.model, options.batch))


if __name__ == "__main__":
    main()
