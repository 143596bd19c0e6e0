"""How fast DetectAnomalies answers.

Usage: ``python -m bench.detection [--data DIR] [--units 2] [--clients 4]``.

An engine in a process of its own trains on 60 % of the aliens (of brick scenes, where that set is absent),
hosts the model, and is sent the others over HTTP, signed, by as many clients at once. Beside it, in the same
run: the bundle alone in one thread, which is the limit of one core, and the largest difference between the
confidence that the engine gave and the bundle's own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.inspection import find, split
from brume.aws import addresses
from brume.aws.engine import catalog
from brume.inspection.model import images
from brume.inspection.model.bundle import Bundle
from brume.inspection.model.manifest import write_line
from brume.inspection.pipeline import lookout, stages
from brume.inspection.pipeline.sources import Picture
from brume.inspection.pipeline.uploads import content_type

TARGET = 15.0  # images a second on two cores; the closed service gave about 5 a unit
ROUNDS = 5


def prepare(data: Path, root: Path) -> list[Path]:
    """Write the training pictures' manifest and return the files that are to be looked at."""
    name = "aliens" if (data / "aliens").is_dir() else "bricks"
    train, test = split(find(name, data, root), 0)
    paths = {}
    for number, sample in enumerate([*train, *test]):
        picture = sample.load()
        suffix = content_type(picture).replace("image/", ".")
        paths[sample.key, sample.anomalous] = path = root / "pictures" / f"{number}{suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture)
    lines = [
        write_line(
            f"s3://bench/pictures/{paths[sample.key, sample.anomalous].name}", sample.anomalous, 0.0, "bench"
        )
        for sample in train
    ]
    (root / "train.manifest").write_text("\n".join(lines) + "\n")
    return [paths[sample.key, sample.anomalous] for sample in test]


def measure(root: Path, files: list[Path], units: int, clients: int) -> None:
    """Train, host, and print images a second."""
    lines = (root / "train.manifest").read_text().splitlines()
    lookout.create_project("bench")
    lookout.fill_dataset("bench", stages.TRAIN, lines)
    output = addresses.location(str(root / "output"))
    version = lookout.train("bench", output, "bench", 30)
    archive = addresses.for_step(lookout.package("bench", version, output, 5))
    lookout.start("bench", version, units, "bench", 5)
    subprocess.run(["tar", "-C", str(root), "-xzf", archive], check=True)
    bundle = Bundle.load(root)
    pictures = [("test", Picture(str(path), path.name, None)) for path in files] * ROUNDS
    lookout.detect_all("bench", version, pictures[:8])
    start = time.perf_counter()
    detected = lookout.detect_all("bench", version, pictures, at_once=clients)
    rate = len(pictures) / (time.perf_counter() - start)
    start = time.perf_counter()
    own = [bundle.detect(images.decode(path.read_bytes())) for path in files]
    limit = len(files) / (time.perf_counter() - start)
    furthest = max(
        abs(float(row["confidence"]) - one.confidence) for row, one in zip(detected, own, strict=False)
    )
    print(
        f"DetectAnomalies, {units} units, {clients} clients: {rate:.1f} images/s (target {TARGET:g});"
        f" the bundle alone, one thread: {limit:.1f}; ratio {rate / limit:.2f}"
    )
    print(f"largest difference of confidence, engine and bundle: {furthest:.1e} (target 1e-3)")


def main() -> None:
    """Start the engine, measure, and stop it."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description="speed over HTTP")
    parser.add_argument("--data", type=Path, help="folder of the real sets; default $BRUME_DATA/inspection")
    parser.add_argument("--units", type=int, default=2)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    data = options.data or Path(os.environ.get("BRUME_DATA", "../shared/data")) / "inspection"
    from brume.aws.engine.local import started

    with tempfile.TemporaryDirectory(prefix="brume-bench-") as name:
        root = Path(name)
        files = prepare(data, root)
        folders = {"s3://bench/": f"{root}/"}
        os.environ |= {addresses.FOLDERS: json.dumps(folders)}
        for service_name in catalog.about("inspection").services:
            os.environ.pop(catalog.endpoint_variable(service_name), None)
        with started({"inspection": folders}, root / "engines") as variables:
            os.environ |= variables
            measure(root, files, options.units, options.clients)


if __name__ == "__main__":
    sys.exit(main())
