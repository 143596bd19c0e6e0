"""Folders of photographs with masks, labels and manifests, for training, test and trial."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from brume import storage
from brume.inspection.demo.scene import KINDS, VERSION, render
from brume.inspection.model import masks
from brume.inspection.model.manifest import MASK, label_attributes, stamp
from brume.run import pool, progress

# How the classes are drawn in masks, and named in the segmentation manifest's internal-color-map.
COLORS = {
    "scratch": "#2CA02C",
    "drawing": "#1F77B4",
    "colour": "#9467BD",
    "extra": "#FF7F0E",
    "missing": "#D62728",
}
CLASSIFICATION, SEGMENTATION = "classification.manifest", "segmentation.manifest"
_ABOUT = "bricks.json"
_MADE = 1767225600.0  # the date in the manifests, the same every time: seconds since the epoch
_JOB = "labeling-job/brick-scenes"
_SEEDS = 1_000_000  # seeds of scenes for each seed of a folder
_FEW = 12  # pictures that are not worth starting processes for


@dataclass(frozen=True)
class Photograph:
    """One picture to be taken: its file in the folder, its seed, and its defect ("" for none)."""

    file: str
    seed: int
    kind: str


def write(
    folder: Path,
    *,
    normal: int = 289,
    anomalous: int = 116,
    seed: int = 0,
    size: tuple[int, int] = (512, 512),
    prefix: str = "",
    workers: int | None = None,
) -> None:
    """Write labelled photographs to ``folder``, whole or not at all; equal arguments give equal bytes.

    ``normal/`` and ``anomaly/`` hold the pictures (JPEG), ``masks/`` a PNG with a palette for each anomalous
    one (0 background, i the i-th of ``COLORS``), ``labels.csv`` file, label, kind and severity,
    ``classification.manifest`` and ``segmentation.manifest`` the same as SageMaker Ground Truth writes it,
    with addresses that begin with ``prefix`` (such as ``s3://bucket/bricks/``) or, without one, are relative
    to the folder. ``size`` is height and width in pixels, ``workers`` the number of processes (default: one
    for each core). A folder that has been written with these arguments is left as it is; raises
    `FileExistsError` when it holds anything else.
    """
    kinds = [KINDS[i % len(KINDS)] for i in range(anomalous)]
    np.random.default_rng([VERSION, seed]).shuffle(kinds)
    pictures = [
        Photograph(f"{name}/{name}-{number:0{len(str(count))}d}.jpg", 0, kind)
        for name, count, each in (("normal", normal, [""] * normal), ("anomaly", anomalous, kinds))
        for number, kind in enumerate(each, 1)
    ]
    _write(folder, pictures, seed, size, prefix, workers, labelled=True)


def write_story(
    folder: Path,
    *,
    normal: int = 289,
    anomalous: int = 116,
    test: int = 20,
    trial: int = 9,
    seed: int = 0,
    size: tuple[int, int] = (512, 512),
    prefix: str = "",
    workers: int | None = None,
) -> None:
    """Write ``train/`` and ``test/`` as `write` does, and ``trial/``: new pictures nobody has labelled.

    Half of the test and of the trial pictures are anomalous. The trial's pictures are in no folder named
    by a label and have no masks or manifests; its ``labels.csv`` holds the truth. No two pictures are alike.
    """
    common: dict[str, Any] = {"size": size, "workers": workers}
    parts = (("train", normal, anomalous), ("test", test - test // 2, test // 2))
    for number, (name, sound, bad) in enumerate(parts):
        inner = storage.join(prefix, name) + "/" if prefix else ""
        write(folder / name, normal=sound, anomalous=bad, seed=3 * seed + number, prefix=inner, **common)
    own = 3 * seed + len(parts)
    kinds = [KINDS[i % len(KINDS)] if i < trial // 2 else "" for i in range(trial)]
    np.random.default_rng([VERSION, own]).shuffle(kinds)
    pictures = [Photograph(f"new-{number}.jpg", 0, kind) for number, kind in enumerate(kinds, 1)]
    _write(folder / "trial", pictures, own, size, "", workers, labelled=False)


def _write(
    folder: Path,
    pictures: Sequence[Photograph],
    seed: int,
    size: tuple[int, int],
    prefix: str,
    workers: int | None,
    *,
    labelled: bool,
) -> None:
    counts = [sum(bool(picture.kind) == bad for picture in pictures) for bad in (False, True)]
    about = json.dumps(
        {"version": VERSION, "normal": counts[0], "anomalous": counts[1], "seed": seed, "size": size,
         "prefix": prefix},
    )  # fmt: skip
    if (folder / _ABOUT).exists() and (folder / _ABOUT).read_text() == about:
        return
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds other files: name another folder, or remove it")
    pictures = [
        Photograph(picture.file, seed * _SEEDS + number, picture.kind)
        for number, picture in enumerate(pictures)
    ]
    with storage.replacing(folder) as part:
        for name in {Path(picture.file).parent.name for picture in pictures}:
            (part / name).mkdir(parents=True, exist_ok=True)
        if labelled:
            (part / "masks").mkdir(parents=True, exist_ok=True)
        rows = []
        with closing(_taken(pictures, part, size, labelled, workers)) as severities:
            for number, (picture, severity) in enumerate(zip(pictures, severities, strict=True), 1):
                label = "anomaly" if picture.kind else "normal"
                rows.append((picture.file, label, picture.kind, f"{severity:.2f}" if picture.kind else ""))
                progress.report("photographs", number, len(pictures), folder.name)
        with (part / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerows([("file", "label", "kind", "severity"), *rows])
        if labelled:
            for name, detailed in ((CLASSIFICATION, False), (SEGMENTATION, True)):
                lines = [json.dumps(_line(picture, prefix, detailed)) + "\n" for picture in pictures]
                (part / name).write_text("".join(lines), encoding="utf-8")
        (part / _ABOUT).write_text(about, encoding="utf-8")


def _taken(
    pictures: Sequence[Photograph], folder: Path, size: tuple[int, int], labelled: bool, workers: int | None
) -> Generator[float]:
    """Take the pictures, in a process for each core; yields their defects' severities in turn."""
    workers = min(workers or len(os.sched_getaffinity(0)), len(pictures))
    if workers < 2 or len(pictures) <= _FEW:
        for picture in pictures:
            yield _take(picture, folder, size, labelled)
        return
    with pool.executor(workers, _one_thread) as processes:
        count = len(pictures)
        yield from processes.map(
            _take, pictures, [folder] * count, [size] * count, [labelled] * count, chunksize=4
        )


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _take(picture: Photograph, folder: Path, size: tuple[int, int], labelled: bool) -> float:
    """Take one picture and write it, and its mask where it has a defect; returns the defect's severity."""
    scene = render(picture.seed, picture.kind or None, size=size)
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(scene.image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, scene.quality]
    )
    if not done:
        raise RuntimeError(f"{picture.file} could not be encoded as JPEG")
    (folder / picture.file).write_bytes(data.tobytes())
    if labelled and picture.kind:
        classes = scene.mask * np.uint8(KINDS.index(picture.kind) + 1)
        (folder / _mask_file(picture)).write_bytes(masks.write(classes, [COLORS[kind] for kind in KINDS]))
    return scene.severity


def _mask_file(picture: Photograph) -> str:
    return f"masks/{Path(picture.file).stem}.png"


def _line(picture: Photograph, prefix: str, detailed: bool) -> dict[str, Any]:
    """Return a picture's manifest line; with ``detailed``, an anomalous one's mask and its classes too."""
    line: dict[str, Any] = {
        "source-ref": prefix + picture.file,
        **label_attributes("anomaly-label", bool(picture.kind), _MADE, _JOB),
    }
    if detailed and picture.kind:
        number = str(KINDS.index(picture.kind) + 1)
        line["anomaly-mask-ref"] = prefix + _mask_file(picture)
        line["anomaly-mask-ref-metadata"] = {
            "internal-color-map": {
                "0": {"class-name": "BACKGROUND", "hex-color": masks.BACKGROUND_COLOR},
                number: {"class-name": picture.kind, "hex-color": COLORS[picture.kind]},
            },
            "job-name": _JOB,
            "human-annotated": "yes",
            "creation-date": stamp(_MADE),
            "type": MASK,
        }
    return line
