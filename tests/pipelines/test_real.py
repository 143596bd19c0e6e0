"""The slides pipeline on real tissue: real scanner files, and real lung tiles laid out as slides."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from brume.slides.demo.slides import mosaic, write_slide
from tests.pipelines.runs import brume

pytestmark = [pytest.mark.long, pytest.mark.mpi]


def lung_cohort(tiles: Path, folder: Path) -> None:
    """Make one slide of each source folder of lung tiles: its tiles on glass, as one patient."""
    folder.mkdir(parents=True)
    rows = ["slide,patient,label"]
    for label in sorted(path for path in tiles.iterdir() if path.is_dir()):
        for source in sorted(path for path in label.iterdir() if path.is_dir()):
            pixels = mosaic(sorted(source.glob("*.jpeg")))
            write_slide(folder / f"{source.name}.svs", pixels, source_tile=224, quality=95, levels=(4,))
            rows.append(f"{source.name}.svs,{source.name},{label.name}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


@pytest.mark.timeout(2800)
def test_lung_tissue_of_unseen_patients_is_told_apart(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    cohort = tmp_path / "cohort"
    lung_cohort(real_data("lung-tiles"), cohort)
    # Two real slides and two bad ones come along, in the classes that their names give.
    slides = real_data("slides")
    real = {"cmu-1-small-region.svs": "lung_n", "tcga-cr-7395-01a-01-ts1.svs": "lung_scc"}
    with (cohort / "labels.csv").open("a") as labels:
        for name, label in real.items():
            shutil.copy(slides / name, cohort / name)
            labels.write(f"{name},{name},{label}\n")
        shutil.copy(slides / "broken.svs", cohort / "broken.svs")
        whole = (slides / "cmu-1-small-region.svs").read_bytes()
        (cohort / "truncated.svs").write_bytes(whole[: len(whole) * 2 // 3])
        labels.write("broken.svs,someone,lung_n\ntruncated.svs,someone else,lung_n\n")
    out = tmp_path / "out"
    words = [f"slides={cohort}", f"labels={cohort}/labels.csv", "tile_size=224", "assume_mpp=0.5"]
    found = []
    for seed in range(3):
        told = brume("run", "slides", *words, f"seed={seed}", "--out", str(out), timeout=900)
        assert told.returncode == 0, told.stderr
        found.append(json.loads((out / "run.json").read_text())["metrics"]["slides"])
    print(found)
    # A test split has some twenty slides, one of which is five points: the mean of three splits is judged.
    assert sum(metrics["slide_accuracy"] for metrics in found) / 3 >= 0.85
    assert sum(metrics["mean_auc"] for metrics in found) / 3 >= 0.95
    with (out / "slide_scores.csv").open() as file:
        scored = {row["slide"]: row for row in csv.DictReader(file)}
    for name in real:
        assert int(scored[name]["tiles"]) > 30
        assert (out / "heatmaps" / name).with_suffix(".jpg").exists()
    with (out / "rejects.csv").open() as file:
        assert {row["slide"] for row in csv.DictReader(file)} == {"broken.svs", "truncated.svs"}
