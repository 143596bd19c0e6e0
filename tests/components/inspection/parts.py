"""Small pictures of a part, good and bad, and clients of an engine that knows them."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from brume.aws.engine.catalog import Settings
from tests.aws.serving import client_of, serve_engine
from tests.polling import until

SIDE = 96
RED, BLUE = "#E01010", "#1010E0"
BUCKET = "s3://pictures/"


def picture(seed: int, defect: str = "", *, light: float = 1.0) -> tuple[Image.Image, Image.Image]:
    """A grey plate with four holes, and its mask; `defect` is "", "stain" or "hole"."""
    rng = np.random.default_rng(seed)
    plate, mask = Image.new("RGB", (SIDE, SIDE), (30, 30, 34)), Image.new("RGB", (SIDE, SIDE))
    draw, marks = ImageDraw.Draw(plate), ImageDraw.Draw(mask)
    draw.rectangle((10, 10, 85, 85), fill=(150, 152, 150))
    holes = [(24, 24), (71, 24), (24, 71), (71, 71)]
    for x, y in holes:
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(40, 40, 44))
    if defect == "stain":
        x, y = rng.integers(32, 60, 2)
        for canvas, color in ((draw, "#9a2020"), (marks, RED)):
            canvas.ellipse((x - 11, y - 9, x + 11, y + 9), fill=color)
    if defect == "hole":
        x, y = holes[seed % 4]
        draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=(150, 152, 150))
        marks.ellipse((x - 7, y - 7, x + 7, y + 7), fill=BLUE)
    noisy = np.asarray(plate) * light * rng.uniform(0.95, 1.05) + rng.normal(0, 4, (SIDE, SIDE, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), mask


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def photo(seed: int, defect: str = "", **how: Any) -> bytes:
    return encoded(picture(seed, defect, **how)[0])


def line(ref: str, anomalous: bool | None, *, mask: tuple[str, str, str] | None = None, **more: Any) -> str:
    """A manifest line; `mask` is its address, class and colour."""
    value: dict[str, Any] = {"source-ref": ref}
    if anomalous is not None:
        value["anomaly-label"] = int(anomalous)
        value["anomaly-label-metadata"] = {
            "class-name": "anomaly" if anomalous else "normal",
            "creation-date": "2024-05-01T10:00:00.000Z",
            "human-annotated": "yes",
            "job-name": "by-hand",
            "type": "groundtruth/image-classification",
        }
    if mask:
        value["anomaly-mask-ref"] = mask[0]
        value["anomaly-mask-ref-metadata"] = {
            "internal-color-map": {"0": {"class-name": mask[1], "hex-color": mask[2]}},
            "type": "groundtruth/semantic-segmentation",
        }
    return json.dumps(value | more)


def write_dataset(folder: Path, normal: int, anomalous: int, *, masks: bool = False, seed: int = 0) -> str:
    """Write pictures to normal/ and anomaly/ (and mask/), and train.manifest; return the manifest's text."""
    lines = []
    for index in range(normal + anomalous):
        bad = index >= normal
        kind, name = ("anomaly" if bad else "normal"), f"{index:03}.png"
        defect = ("stain", "hole")[index % 2] if bad else ""
        image, mask = picture(seed + index, defect)
        (folder / kind).mkdir(parents=True, exist_ok=True)
        image.save(folder / kind / name)
        about = None
        if masks and bad:
            (folder / "mask").mkdir(exist_ok=True)
            mask.save(folder / "mask" / name)
            about = (f"{BUCKET}mask/{name}", defect, RED if defect == "stain" else BLUE)
        lines.append(line(f"{BUCKET}{kind}/{name}", bad, mask=about))
    text = "\n".join(lines) + "\n"
    (folder / "train.manifest").write_text(text)
    return text


def source(key: str, bucket: str = "pictures") -> dict[str, Any]:
    return {"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Key": key}}}


OUTPUT = {"S3Location": {"Bucket": "results", "Prefix": "out/"}}


def wait(look: Callable[[], Any], states: Sequence[str], seconds: float = 120) -> Any:
    """Look until the Status is one of these; returns the last look."""
    last: list[Any] = []

    def reached() -> Any:
        last[:] = [look()]
        return last[0] if last[0]["Status"] in states else None

    return until(reached, lambda: f"still {last}", seconds=seconds, pause=0.05)


def dataset_ready(client: Any, project: str, kind: str = "train") -> dict[str, Any]:
    done = ("CREATE_COMPLETE", "CREATE_FAILED", "UPDATE_COMPLETE")
    return wait(
        lambda: client.describe_dataset(ProjectName=project, DatasetType=kind)["DatasetDescription"], done
    )


def model_at(client: Any, project: str, version: str, *states: str, seconds: float = 120) -> dict[str, Any]:
    """Wait until a version is in one of these states; an unexpected failure is an error."""

    def look() -> dict[str, Any]:
        found = client.describe_model(ProjectName=project, ModelVersion=version)["ModelDescription"]
        failed = found["Status"] in ("TRAINING_FAILED", "HOSTING_FAILED") and found["Status"] not in states
        assert not failed, found
        return found

    return wait(look, states, seconds)


@dataclass(frozen=True)
class Running:
    """An engine that is served, its folders, and a client of it."""

    url: str
    client: Any
    root: Path
    settings: Settings


@contextlib.contextmanager
def running(root: Path, **settings: Any) -> Iterator[Running]:
    """Serve an engine on ROOT/data; ROOT/pictures is s3://pictures/, ROOT/results is s3://results/."""
    from brume.inspection.engine import engine

    for name in ("pictures", "results"):
        (root / name).mkdir(parents=True, exist_ok=True)
    folders = {BUCKET: str(root / "pictures"), "s3://results/": str(root / "results")}
    chosen = Settings(root / "data", folders, **settings)
    with serve_engine(engine.create(chosen)) as url:
        yield Running(url, client_of(url, "lookoutvision"), root, chosen)


@contextlib.contextmanager
def refused(client: Any, code: str, *texts: str) -> Iterator[dict[str, Any]]:
    """Expect an error of this code, in whose message all of these occur; yields the response."""
    answer: dict[str, Any] = {}
    with pytest.raises(client.exceptions.ClientError) as caught:
        yield answer
    answer.update(caught.value.response)
    assert answer["Error"]["Code"] == code, answer
    missing = [text for text in texts if text not in answer["Error"]["Message"]]
    assert not missing, (missing, answer["Error"]["Message"])
