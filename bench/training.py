"""How well two ranks share the work.

Usage: ``python -m bench.training [--pairs 3] [--collective horovod]``.

On generated tiles of 224 pixels, `small`, one TensorFlow thread a rank, measures in turn

- two independent training processes, run at the same time;
- two ranks that average their gradients,

in images per second, compilation left out, and prints the median ratio of the pairs and the share of a step
that the ranks waited for input. It compares like with like: all four use the same cores, and in each pair
one follows the other closely, since other work on the machine changes what a core gives.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from brume.cluster.mpi import MpiJob, run
from brume.slides.model import records, shards
from brume.slides.model.parameters import TrainingParameters
from brume.slides.model.training import MODULE
from brume.slides.pipeline.training_job import ENVIRONMENT

EFFICIENCY_TARGET, WAIT_TARGET = 0.9, 0.05
SIZE, TILES, EPOCHS = 224, 768, 3
CLASSES = ("a", "b", "c")


def write_tiles(folder: Path, ranks: int) -> str:
    """Write `TILES` tiles a rank of coloured noise as shards; returns their folder."""
    rng = np.random.default_rng(ranks)
    files = []
    for number, label in enumerate(CLASSES):
        path = folder / f"{label}.tfrecord"
        with records.RecordWriter(path) as writer:
            for x in range(ranks * TILES // len(CLASSES)):
                coarse = rng.integers(90 + 30 * number, 200, (28, 28, 3)).astype(np.uint8)
                file = io.BytesIO()
                Image.fromarray(coarse).resize((SIZE, SIZE)).save(file, "JPEG", quality=90)
                tile = records.Tile(file.getvalue(), SIZE, SIZE, label, label, label, x, 0, 0.5, 0, SIZE)
                writer.write(records.encode(tile))
        files.append(str(path))
    out = str(folder / "tiles")
    shards.write_shards(
        files,
        dict.fromkeys(CLASSES, "train"),
        out,
        ranks=ranks,
        shards_per_rank=1,
        batch_size=32,
        seed=0,
        classes=CLASSES,
        tile_size=SIZE,
        mpp=0.5,
    )
    return out


def _command(tiles: str, out: Path, parameters: TrainingParameters) -> tuple[str, ...]:
    places = ("--tiles", tiles, "--out", str(out / "model"), "--work", str(out / "work"))
    return (sys.executable, "-m", MODULE, *places, "--parameters", parameters.to_json())


def _training_record(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "model" / "training.json").read_text())
    return record


def independent(tiles: str, out: Path) -> float:
    """Return the images per second of two processes together, each alone with its own tiles."""
    parameters = TrainingParameters(ranks=1, epochs=EPOCHS, threads=1)
    folders = [out / str(number) for number in range(2)]
    processes = [
        subprocess.Popen(
            _command(tiles, folder, parameters), env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL
        )
        for folder in folders
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("an independent training failed")
    return sum(float(_training_record(folder)["images_per_second"]) for folder in folders)


def together(tiles: str, out: Path, collective: str) -> dict[str, Any]:
    """Return training.json of two ranks."""
    parameters = TrainingParameters(ranks=2, epochs=EPOCHS, threads=1, collective=collective)
    run(MpiJob("bench", _command(tiles, out, parameters), 2, env=ENVIRONMENT), lambda line: None)
    return _training_record(out)


def main() -> None:
    """Print the measurements beside their targets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=3, help="measurements of each kind")
    parser.add_argument("--collective", default="auto", choices=("auto", "horovod", "mpi4py"))
    given = parser.parse_args()
    ratios, waits = [], []
    with tempfile.TemporaryDirectory(prefix="brume-bench-") as scratch:
        folder = Path(scratch)
        one, two = write_tiles(folder / "one", 1), write_tiles(folder / "two", 2)
        for pair in range(given.pairs):
            apart = independent(one, folder / f"apart-{pair}")
            record = together(two, folder / f"together-{pair}", given.collective)
            ratios.append(record["images_per_second"] / apart)
            waits.append(record["input_wait_share"])
            print(
                f"pair {pair + 1}: two processes {apart:.0f} images/s, two ranks by {record['collective']} "
                f"{record['images_per_second']:.0f}: {ratios[-1]:.3f}",
                flush=True,
            )
    efficiency, wait = statistics.median(ratios), statistics.median(waits)
    print(f"training efficiency        {efficiency:.3f}   target {EFFICIENCY_TARGET} or more")
    print(f"share of step for input    {wait:.3f}   target under {WAIT_TARGET}")


if __name__ == "__main__":
    main()
