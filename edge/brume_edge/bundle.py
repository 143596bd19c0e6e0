"""The model on the device: a LiteRT graph and its calibration, as packaged by the service."""

from __future__ import annotations

import hashlib
import io
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brume_edge.part import Answer

FORMAT, VERSION = "brume-inspection-bundle", 1


class BundleError(Exception):
    """The bundle cannot be used; the message names the file and the cause."""


class PictureError(Exception):
    """A picture that cannot be read."""


def decode(data: bytes) -> Image.Image:
    """Return a PNG or JPEG as 8-bit RGB, alpha on white, 16-bit scaled; raises PictureError.

    The orientation noted in a photo is ignored, as it is by the service.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG"))
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(str(error)) from error
    if image.mode.startswith("I"):
        grey = np.rint(np.asarray(image, dtype=np.float64) / 257).clip(0, 255)
        image = Image.fromarray(grey.astype(np.uint8))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return image.convert("RGB")


class Bundle:
    """A loaded bundle; one thread uses it at a time."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Load and check `bundle.json` and the model that it names; raises BundleError."""
        self.path = folder / "bundle.json"
        facts = self._facts()
        try:
            if (facts["format"], facts["version"]) != (FORMAT, VERSION):
                raise BundleError(
                    f"{self.path}: not a {FORMAT} of version {VERSION}; package the model again"
                )
            self._height, self._width = int(facts["input"]["height"]), int(facts["input"]["width"])
            resize = facts["input"]["resize"]
            kind = facts["calibration"]["kind"]
            self._a, self._b = float(facts["calibration"]["a"]), float(facts["calibration"]["b"])
            self._threshold = float(facts["threshold"])
            model, expected = folder / Path(facts["model"]).name, str(facts["sha256"])
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{self.path}: {error!r} is missing or wrong; package the model again"
            ) from error
        if resize != "bilinear" or kind != "sigmoid":
            raise BundleError(f"{self.path}: needs a newer version of this application")
        try:
            content = model.read_bytes()
        except OSError as error:
            raise BundleError(f"{model}: {error.strerror}; copy the whole folder") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{model}: its SHA-256 is not the one in bundle.json; copy the folder again")
        self._runner = self._load(content, threads, model)

    def _facts(self) -> dict[str, Any]:
        try:
            facts = json.loads(self.path.read_bytes())
        except OSError as error:
            raise BundleError(f"{self.path}: {error.strerror}; name a bundle's folder") from error
        except ValueError as error:
            raise BundleError(f"{self.path}: not JSON ({error}); copy it again") from error
        if not isinstance(facts, dict):
            raise BundleError(f"{self.path}: not an object; copy it again")
        return facts

    @staticmethod
    def _load(content: bytes, threads: int, path: Path) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter: Any = Interpreter(model_content=content, num_threads=threads)
            return interpreter.get_signature_runner("serving_default")
        except Exception as error:  # the runtime has no exceptions of its own
            raise BundleError(f"{path}: does not load ({error}); package the model again") from error

    def pixels(self, data: bytes) -> NDArray[np.uint8]:
        """Return a picture as the model takes it, uint8 [1, height, width, 3]; raises PictureError."""
        image = decode(data).resize((self._width, self._height), Image.Resampling.BILINEAR)
        return np.asarray(image, dtype=np.uint8)[None]

    def seconds(self) -> float:
        """Run the model a few times; return the seconds that it takes on this device."""
        blank = np.zeros((1, self._height, self._width, 3), dtype=np.uint8)
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            self._runner(image=blank)
            taken.append(time.perf_counter() - began)
        return min(taken)

    def score(self, data: bytes) -> float:
        """Return the model's raw score of an encoded picture; raises PictureError."""
        return float(self._runner(image=self.pixels(data))["score"].reshape(-1)[0])

    def detect(self, data: bytes) -> Answer:
        """Inspect an encoded picture; raises PictureError."""
        logit = self._a * self.score(data) + self._b
        probability = 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0
        anomalous = probability >= self._threshold
        return Answer(anomalous, probability if anomalous else 1 - probability)
