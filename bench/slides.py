"""Accuracy of the slides pipeline on unseen patients.

Usage: ``python -m bench.slides [--seeds N] [--data DIR]``.

Real lung tiles are arranged as one slide a patient, and the pipeline runs once a seed, each with its own
split. A test split has some twenty slides, one of which is five points of accuracy: the mean over the seeds
is compared with the target. The tests run one seed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from brume.slides.demo.painter import mosaic, write_slide

ACCURACY_TARGET, AUC_TARGET = 0.85, 0.95


def lung_cohort(tiles: Path, folder: Path) -> None:
    """Write one slide of each source folder of lung tiles, as one patient, and `labels.csv`."""
    folder.mkdir(parents=True)
    rows = ["slide,patient,label"]
    for label in sorted(path for path in tiles.iterdir() if path.is_dir()):
        for source in sorted(path for path in label.iterdir() if path.is_dir()):
            pixels = mosaic(sorted(source.glob("*.jpeg")))
            write_slide(folder / f"{source.name}.svs", pixels, source_tile=224, quality=95, levels=(4,))
            rows.append(f"{source.name}.svs,{source.name},{label.name}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def measure(cohort: Path, out: Path, seed: int) -> tuple[float, float]:
    """Run the pipeline with a seed; returns the accuracy and the mean AUC of the slides of the test split."""
    words = [
        f"slides={cohort}",
        f"labels={cohort}/labels.csv",
        "tile_size=224",
        "assume_mpp=0.5",
        f"seed={seed}",
    ]
    subprocess.run([sys.executable, "-m", "brume", "run", "slides", *words, "--out", str(out)], check=True)
    metrics = json.loads((out / "run.json").read_text())["metrics"]["slides"]
    return metrics["slide_accuracy"], metrics["mean_auc"]


def main() -> int:
    """Run every seed, print each and the means; returns 1 where a mean is below its target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("BRUME_DATA", "../shared/data")))
    chosen = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        cohort = Path(folder) / "cohort"
        lung_cohort(chosen.data / "lung-tiles", cohort)
        for seed in range(chosen.seeds):
            found.append(measure(cohort, Path(folder) / "out", seed))
            print(f"seed {seed}: accuracy {found[-1][0]:.3f}, mean AUC {found[-1][1]:.3f}", flush=True)
    accuracy, auc = (sum(values) / len(found) for values in zip(*found, strict=True))
    print(
        f"mean: accuracy {accuracy:.3f} (target {ACCURACY_TARGET}), mean AUC {auc:.3f} (target {AUC_TARGET})"
    )
    return int(accuracy < ACCURACY_TARGET or auc < AUC_TARGET)


if __name__ == "__main__":
    sys.exit(main())
