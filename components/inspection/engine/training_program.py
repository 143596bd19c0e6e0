"""Train a version of a model: the job that the engine starts in the background.

    python -m brume.inspection.engine.training_program --request DIR_OR_URI/request.json

The request names the images, their labels, and the locations of files. The program writes beside it
progress.json, the folder `bundle` (what is hosted, and what a device gets) and, last, result.json: until that
exists, nothing has happened. The metrics and the manifest of predictions also go to the output location of
the request.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brume import storage
from brume.inspection.engine.locations import LocationError, Locations
from brume.inspection.engine.training_files import BUNDLE, PROGRESS, RESULT
from brume.inspection.model import masks
from brume.inspection.model.bundle import Bundle
from brume.inspection.model.images import ImageError, decode
from brume.inspection.model.intervals import intervals
from brume.inspection.model.manifest import Line, parse_line, with_detection
from brume.inspection.model.metrics import model_metrics
from brume.inspection.model.samples import AnomalyClass, Sample, TrainingError
from brume.inspection.model.splitting import held_out
from brume.inspection.model.training import TrainingSettings, train_model
from brume.run import lifeline
from brume.run.rejects import unreachable

_READERS = 4
_MAX_UNUSABLE = 0.1  # the share of images beyond which a training fails
_LISTED = 20
_SECONDS_BETWEEN_WRITES = 0.5


@dataclass(frozen=True)
class UsableImage:
    """An image that was found and can be decoded; `path` is a file of this machine."""

    line: Line
    path: str
    shape: tuple[int, int]
    mask_path: str

    def load(self) -> bytes:
        """Return the PNG or JPEG file."""
        return storage.read_bytes(self.path)


class ProgressFile:
    """Writes the progress of the job to a file that the engine reads."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._written = 0.0

    def __call__(self, share: float, step: str) -> None:
        """Report the share done, 0 to 1, and the current step."""
        print(f"{share:6.1%} {step}", flush=True)
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            storage.write_bytes(self._uri, json.dumps({"share": share, "what": step}).encode())
            self._written = time.monotonic()


def train(request: Mapping[str, Any], home: str, scratch: Path, progress: ProgressFile) -> dict[str, Any]:
    """Carry out the request and return the result; `home` is the URI of the version's folder.

    Raises `TrainingError`, `LocationError` or `storage.StorageError` with a message for the user.
    """
    locations = Locations(request["places"]["root"], request["places"]["folders"])
    output = _Output(locations, request)
    lines = {kind: [parse_line(text) for text in texts] for kind, texts in request["lines"].items()}
    if "test" not in lines:
        apart = held_out(lines["train"])
        lines["test"] = [line for line in lines["train"] if line.source_ref in apart]
        lines["train"] = [line for line in lines["train"] if line.source_ref not in apart]
    # Written first: an output location that cannot be written to is known before an hour is spent.
    for kind in ("train", "test"):
        output.write(f"{kind}.manifest", "".join(line.text + "\n" for line in lines[kind]).encode())
    progress(0.0, "reading the images")
    reader = _Reader(locations, request["project_id"], scratch / "images")
    pictures = {kind: reader.read(lines[kind]) for kind in ("train", "test")}
    reader.refuse_if_too_many(sum(map(len, lines.values())))
    classes = _classes(pictures["train"])
    samples = [_sample(picture, classes) for picture in pictures["train"]]
    backbone = str(storage.fetch(request["backbone"], scratch)) if request["backbone"] else ""
    settings = TrainingSettings(backbone=backbone)
    trained = train_model(
        samples,
        classes=classes,
        settings=settings,
        progress=lambda share, step: progress(0.05 + 0.85 * share, step),
    )
    trained.write(scratch / BUNDLE)
    progress(0.9, "evaluating the test images")
    evaluation, predictions = _evaluate(scratch / BUNDLE, pictures["test"], request)
    evaluation |= {
        "training_images": len(pictures["train"]),
        "test_images": len(pictures["test"]),
        "unusable": reader.unusable,
        "chosen": trained.chosen,
        "tried": trained.tried,
    }
    evaluation["manifest_key"] = output.write("EvaluationManifest.json", predictions)
    evaluation["result_key"] = output.key("EvaluationResult.json")
    output.write("EvaluationResult.json", json.dumps(evaluation, indent=2, allow_nan=False).encode())
    storage.upload(scratch / BUNDLE, storage.join(home, BUNDLE))
    skipped = len(reader.unusable)
    message = f"{skipped} of the images could not be used: {reader.listed()}" if skipped else ""
    about = json.loads((scratch / BUNDLE / "bundle.json").read_bytes())
    return {
        "status": "TRAINED",
        "message": message,
        "evaluation": evaluation,
        "bundle": about,
        "ended": time.time(),
    }


class _Output:
    """The location that the caller of CreateModel gave for results."""

    def __init__(self, locations: Locations, request: Mapping[str, Any]) -> None:
        self._locations = locations
        self._bucket, self._prefix = request["output"]["bucket"], request["output"]["prefix"]
        self._stem = f"{request['project']}-{request['version']}"

    def key(self, name: str) -> str:
        """Return the key of a file; the prefix is a folder, whether it ends in a slash or not."""
        stem, dot, suffix = name.partition(".")
        folder = self._prefix.rstrip("/") + "/" if self._prefix else ""
        return f"{folder}{stem}-{self._stem}{dot}{suffix}"

    def write(self, name: str, data: bytes) -> str:
        """Write a file and return its key."""
        key = self.key(name)
        address = f"s3://{self._bucket}/{key}"
        try:
            storage.write_bytes(self._locations.locate(address), data)
        except (storage.StorageError, OSError) as error:
            raise TrainingError(f"the output location cannot be written to: {address}: {error}") from error
        return key


class _Reader:
    """Reads images; what cannot be used is set aside with its reason."""

    def __init__(self, locations: Locations, project: str, scratch: Path) -> None:
        self._locations = locations
        self._project = project
        self._scratch = scratch
        self.unusable: list[dict[str, str]] = []

    def read(self, lines: Sequence[Line]) -> list[UsableImage]:
        """Return the pictures of lines, in their order."""

        def attempt(line: Line) -> UsableImage | str:
            try:
                return self._picture(line)
            except (LocationError, ImageError, storage.StorageError, OSError) as error:
                if unreachable(error):  # not a fault of the image: without it the model would be another
                    raise TrainingError(
                        f"{line.source_ref} cannot be reached: {error}. Restore access and train again"
                    ) from error
                return str(error)

        found = []
        with ThreadPoolExecutor(_READERS) as pool:
            for line, picture in zip(lines, pool.map(attempt, lines), strict=True):
                if isinstance(picture, str):
                    self.unusable.append({"source-ref": line.source_ref, "reason": picture})
                else:
                    found.append(picture)
        return found

    def _picture(self, line: Line) -> UsableImage:
        path = self._local_path(line.source_ref)
        shape = decode(storage.read_bytes(path)).shape[:2]
        mask = self._local_path(line.mask_ref) if line.anomalous and line.mask_ref and line.colors else ""
        return UsableImage(line, path, (int(shape[0]), int(shape[1])), mask)

    def _local_path(self, address: str) -> str:
        """Return a local path; what lies in an object store is fetched once."""
        path = self._locations.locate(address, self._project)
        if not storage.is_remote(path):
            return path
        return str(storage.fetch(path, self._scratch / hashlib.sha256(path.encode()).hexdigest()))

    def refuse_if_too_many(self, images: int) -> None:
        """Raise `TrainingError` when more than a tenth of the images could not be used."""
        if len(self.unusable) > _MAX_UNUSABLE * images:
            raise TrainingError(
                f"{len(self.unusable)} of {images} images cannot be used (at most {_MAX_UNUSABLE:.0%} may be "
                f"unusable): {self.listed()}"
            )

    def listed(self) -> str:
        """Return the first of what was set aside, each with its reason."""
        parts = [f"{item['source-ref']}: {item['reason']}" for item in self.unusable[:_LISTED]]
        more = len(self.unusable) - len(parts)
        return "; ".join([*parts, *([f"and {more} more"] if more else [])])


def _classes(pictures: Sequence[UsableImage]) -> list[AnomalyClass]:
    """Return the classes that the masks show, each in its first colour, in the order of their names."""
    found: dict[str, str] = {}
    for picture in pictures:
        for name, color in picture.line.colors if picture.mask_path else ():
            found.setdefault(name, masks.drawn(color))
    return [AnomalyClass(name, found[name]) for name in sorted(found)]


def _sample(picture: UsableImage, classes: Sequence[AnomalyClass]) -> Sample:
    names = [item.name for item in classes]

    def mask() -> masks.Classes:
        data = storage.read_bytes(picture.mask_path)
        try:
            return masks.read(data, picture.line.colors, names, picture.shape)
        except masks.MaskError as error:
            raise TrainingError(f"{picture.line.mask_ref}: {error}") from error

    line = picture.line
    return Sample(line.source_ref, picture.load, bool(line.anomalous), mask if picture.mask_path else None)


def _evaluate(
    folder: Path, pictures: Sequence[UsableImage], request: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """Return the metrics over the test pictures, and the manifest with the model's detection of each."""
    bundle = Bundle.load(folder)
    labels, probabilities, lines = [], [], []
    job = f"model/{request['project']}/{request['version']}"
    for picture in pictures:
        detection = bundle.detect(decode(picture.load()))
        labels.append(bool(picture.line.anomalous))
        probabilities.append(detection.probability)
        lines.append(
            with_detection(picture.line.text, detection.anomalous, detection.confidence, time.time(), job)
        )
    found = model_metrics(labels, probabilities, bundle.threshold)
    known = {name: [one.low, one.high] for name, one in intervals(found).items()}
    return {"figures": found.to_json(), "intervals": known}, "".join(line + "\n" for line in lines).encode()


def run(uri: str) -> dict[str, Any]:
    """Train by the request at `uri`, write the result beside it, and return it."""
    home = uri.rpartition("/")[0]
    request = json.loads(storage.read_bytes(uri))
    with tempfile.TemporaryDirectory(prefix="brume-training-") as scratch:
        result = _attempt(request, home, Path(scratch))
    storage.write_bytes(storage.join(home, RESULT), json.dumps(result, allow_nan=False).encode())
    return result


def _attempt(request: Mapping[str, Any], home: str, scratch: Path) -> dict[str, Any]:
    progress = ProgressFile(storage.join(home, PROGRESS))
    try:
        return train(request, home, scratch, progress)
    except (TrainingError, LocationError, storage.StorageError, FileNotFoundError) as error:
        return {"status": "TRAINING_FAILED", "message": str(error)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train; the exit code is 0 whenever there is a result, be it that the training failed."""
    parser = argparse.ArgumentParser(
        prog="brume.inspection.engine.training_program", description="Train a version."
    )
    parser.add_argument("--request", required=True, help="path or s3:// URI of request.json")
    options = parser.parse_args(arguments)
    lifeline.follow()
    result = run(options.request)
    print(f"{result['status']} {result['message']}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
