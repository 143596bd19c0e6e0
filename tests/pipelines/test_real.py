"""The slides pipeline on real tissue: real scanner files, and real lung tiles arranged as slides."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.slides import lung_cohort
from tests.pipelines.runs import brume

pytestmark = [pytest.mark.long, pytest.mark.mpi]


@pytest.mark.timeout(1200)
def test_lung_tissue_of_unseen_patients_is_classified(
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
    ran = brume("run", "slides", *words, "seed=0", "--out", str(out), timeout=900)
    assert ran.returncode == 0, ran.stderr
    metrics = json.loads((out / "run.json").read_text())["metrics"]["slides"]
    # A slide is five points of accuracy: `make bench-slides` compares the mean of three splits with targets.
    assert metrics["slide_accuracy"] >= 0.75
    assert metrics["mean_auc"] >= 0.9
    with (out / "slide_scores.csv").open() as file:
        scored = {row["slide"]: row for row in csv.DictReader(file)}
    for name in real:
        assert int(scored[name]["tiles"]) > 30
        assert (out / "heatmaps" / name).with_suffix(".jpg").exists()
    with (out / "rejects.csv").open() as file:
        assert {row["slide"] for row in csv.DictReader(file)} == {"broken.svs", "truncated.svs"}
