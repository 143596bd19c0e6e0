"""Tissue of the demo, scanned at 20x and at 40x: a whole training, and a prediction."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import openslide
import pytest

from brume.slides.demo.generator import paint_slide
from brume.slides.demo.painter import write_slide
from tests.pipelines.runs import COLOURS, brume

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.mpi]

SIDE = 1200


def scan(path: Path, label: str, patient: int) -> None:
    """Write a slide of 0.5 microns per pixel."""
    rng, stain = (np.random.default_rng([n, patient, *label.encode()]) for n in (1, 2))
    write_slide(path, paint_slide(label, SIDE, SIDE, rng, stain), size=(SIDE, SIDE), levels=(4,))


def scan_finer(slide: Path, target: Path) -> None:
    """Write the tissue of a slide of 0.5 microns per pixel at 0.25."""
    with openslide.OpenSlide(str(slide)) as opened:
        pixels = np.asarray(opened.read_region((0, 0), 0, opened.dimensions).convert("RGB"))
    write_slide(target, pixels.repeat(2, axis=0).repeat(2, axis=1), mpp=0.25, levels=(4,))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_slide_keeps_its_class_at_another_magnification(tmp_path: Path) -> None:
    """A model of 20x gave another class for 3 of 3 slides at 40x, and a cohort of both was mixed."""
    cohort, new = tmp_path / "cohort", tmp_path / "new"
    cohort.mkdir()
    new.mkdir()
    lines = ["slide,patient,label"]
    for label in COLOURS:
        for patient in range(4):
            path = cohort / f"{label}-{patient}.svs"
            scan(path, label, patient)
            if patient % 2:
                scan_finer(path, path)
            lines.append(f"{path.name},{path.stem},{label}")
        scan(new / f"{label}-20x.svs", label, 10)
        scan_finer(new / f"{label}-20x.svs", new / f"{label}-40x.svs")
    (cohort / "labels.csv").write_text("\n".join(lines))
    words = ["tile_size=128", "epochs=4", "batch_size=32", "--out", str(tmp_path / "out")]
    ran = brume("run", "slides", f"slides={cohort}", f"labels={cohort}/labels.csv", *words)
    assert ran.returncode == 0, ran.stderr
    assert json.loads((tmp_path / "out/model/training.json").read_text())["mpp"] == 0.5
    assert "the coarsest slide" in (tmp_path / "out/report.html").read_text()
    words = [f"slides={new}", f"model={tmp_path}/out/model", "--out", str(tmp_path / "predicted")]
    ran = brume("run", "slides_predict", *words)
    assert ran.returncode == 0, ran.stderr
    table = {row["slide"]: row for row in rows(tmp_path / "predicted/slide_scores.csv")}
    for label in COLOURS:
        coarse, fine = table[f"{label}-20x.svs"], table[f"{label}-40x.svs"]
        assert coarse["mean_prediction"] == fine["mean_prediction"]
        assert int(fine["tiles"]) == pytest.approx(int(coarse["tiles"]), rel=0.1)
        for column in (f"p_{name}" for name in COLOURS):
            assert float(fine[column]) == pytest.approx(float(coarse[column]), abs=0.005)
