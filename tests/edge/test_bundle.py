"""The bundle's reader: the engine's own results, and errors for a bundle that is not whole."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from brume_edge.bundle import Bundle, BundleError, PictureError, decode
from PIL import Image

from brume.inspection.model import bundle as engine
from brume.inspection.model import images


def encoded(pixels: np.ndarray, kind: str, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, kind)
    return buffer.getvalue()


def pictures() -> dict[str, bytes]:
    random = np.random.default_rng(7)
    colour = random.integers(0, 256, (90, 130, 3), dtype=np.uint8)
    light = (random.integers(0, 65536, (90, 130))).astype(np.uint16)
    return {
        "jpeg": encoded(colour, "JPEG"),
        "grey jpeg": encoded(colour, "JPEG", "L"),
        "png": encoded(colour, "PNG"),
        "palette": encoded(colour, "PNG", "P"),
        "alpha": encoded(random.integers(0, 256, (70, 64, 4), dtype=np.uint8), "PNG"),
        "16 bits": encoded(light, "PNG"),
        "exact size": encoded(colour[:32, :32].repeat(2, 0).repeat(2, 1), "PNG"),
    }


@pytest.mark.parametrize("name", pictures())
def test_a_score_is_the_engines(bundle: Path, name: str) -> None:
    data = pictures()[name]
    pixels = images.decode(data)
    np.testing.assert_array_equal(np.asarray(decode(data)), pixels)
    here, there = Bundle(bundle), engine.Bundle.load(bundle)
    expected = there.detect(pixels)
    assert here.score(data) == pytest.approx(expected.score, abs=1e-6)
    answer = here.detect(data)
    assert answer.anomalous == expected.anomalous
    assert answer.confidence == pytest.approx(expected.confidence, abs=1e-6)


@pytest.mark.parametrize("data", [b"", b"not a picture", pictures()["jpeg"][:200], pictures()["png"][:500]])
def test_what_is_no_picture_is_an_error(bundle: Path, data: bytes) -> None:
    with pytest.raises(PictureError):
        Bundle(bundle).detect(data)


def changed(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "bundle.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.tflite").write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (flip_a_bit, "model.tflite: its SHA-256"),
        (lambda folder: (folder / "model.tflite").unlink(), "model.tflite: No such file"),
        (lambda folder: (folder / "bundle.json").unlink(), "bundle.json: No such file"),
        (lambda folder: (folder / "bundle.json").write_text("{"), "bundle.json: not JSON"),
        (lambda folder: (folder / "bundle.json").write_text("[]"), "bundle.json: not an object"),
        (changed(version=2), "not a brume-inspection-bundle of version 1"),
        (changed(threshold="high"), "bundle.json"),
        (changed(calibration={"kind": "isotonic", "a": 1, "b": 0}), "newer version"),
        (changed(model="../../etc/passwd"), "passwd: No such file"),
    ],
)
def test_a_bundle_that_is_not_whole_is_refused(
    bundle: Path, tmp_path: Path, harm: Callable[[Path], None], message: str
) -> None:
    shutil.copytree(bundle, tmp_path, dirs_exist_ok=True)
    harm(tmp_path)
    with pytest.raises(BundleError, match=message):
        Bundle(tmp_path)
