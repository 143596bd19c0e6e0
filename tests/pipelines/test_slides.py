"""The slides pipelines from end to end: every output, resuming, prediction, and the compiled form."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import openslide
import pyarrow.parquet as pq
import pytest
from PIL import Image

from brume.slides.demo.painter import write_slide
from brume.slides.model.labels import read_labels
from brume.slides.model.splits import split_cohort
from tests.pipelines.runs import BRUME, QUICK, brume
from tests.polling import until

pytestmark = [pytest.mark.slow, pytest.mark.mpi]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def states(out: Path) -> dict[str, str]:
    return {step["step"]: step["state"] for step in json.loads((out / "run.json").read_text())["steps"]}


def test_run_json_records_what_was_run(finished: Path, cohort: Path) -> None:
    record = json.loads((finished / "run.json").read_text())
    assert record["pipeline"] == "slides"
    assert record["status"] == "succeeded"
    assert record["parameters"]["slides"] == str(cohort)
    assert record["parameters"]["ranks"] == 2
    assert record["versions"]["kfp"] and record["versions"]["python"].startswith("3.11")
    assert record["started"] <= record["ended"]
    assert set(states(finished).values()) == {"finished"}
    assert all(step["seconds"] >= 0 for step in record["steps"])
    assert 0 <= record["metrics"]["slides"]["slide_accuracy"] <= 1
    assert record["metrics"]["training"]["ranks"] == 2


def test_bad_slides_are_set_aside_with_their_reason(finished: Path) -> None:
    table = rows(finished / "rejects.csv")
    assert [(row["slide"], row["step"]) for row in table] == [("broken.svs", "cohort")]
    assert table[0]["reason"]


def test_each_slide_is_in_one_split_with_its_patient(finished: Path, cohort: Path) -> None:
    """The slide that is broken is split too, so that no other moves when it is mended."""
    table = rows(finished / "splits.csv")
    assert list(table[0]) == ["slide", "patient", "label", "split"]
    assert len(table) == 18
    splits = split_cohort(read_labels(str(cohort / "labels.csv")), 0)
    assert {row["slide"]: row["split"] for row in table}.items() <= splits.items()


def test_every_tile_is_in_one_shard(finished: Path) -> None:
    index = pq.read_table(finished / "tiles" / "index.parquet").to_pylist()
    expected = {"slide", "patient", "label", "split", "x", "y", "level", "mpp", "bytes", "shard"}
    assert expected <= set(index[0])
    assert len(index) == 18 * 9
    assert len({(row["slide"], row["x"], row["y"]) for row in index}) == len(index)
    assert {row["mpp"] for row in index} == {0.5}


def test_every_slide_is_scored_through_the_served_model(finished: Path) -> None:
    table = rows(finished / "slide_scores.csv")
    assert list(table[0]) == [
        *("slide", "patient", "label", "split", "tiles"),
        *("p_luad", "p_lusc", "p_normal", "mean_prediction", "vote_prediction"),
    ]
    assert len(table) == 18
    assert {row["tiles"] for row in table} == {"9"}
    assert all(abs(sum(float(row[f"p_{c}"]) for c in ("luad", "lusc", "normal")) - 1) < 1e-3 for row in table)


def test_the_model_folder_records_what_it_is(finished: Path) -> None:
    assert json.loads((finished / "model" / "labels.json").read_text())["classes"] == [
        "luad",
        "lusc",
        "normal",
    ]
    assert (finished / "model" / "saved_model.pb").exists()
    record = json.loads((finished / "model" / "training.json").read_text())
    assert record["collective"] in ("horovod", "mpi4py")
    assert record["mpp"] == 0.5


def test_heatmaps_and_report_can_be_opened(finished: Path) -> None:
    assert len(list((finished / "heatmaps").glob("*.jpg"))) == 18
    with Image.open(finished / "heatmaps" / "luad-0.jpg") as picture:
        picture.load()
    page = (finished / "report.html").read_text()
    assert "broken.svs" in page
    assert len(page) < 2_000_000


def test_nothing_is_left_running_or_half_written(finished: Path) -> None:
    assert not list(finished.rglob(".*.partial"))
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(finished) not in processes


def test_a_second_run_takes_over_finished_work_and_reports_it(finished: Path, cohort: Path) -> None:
    before = (finished / "model" / "saved_model.pb").stat().st_mtime_ns
    words = [
        "run",
        "slides",
        f"slides={cohort}",
        f"labels={cohort}/labels.csv",
        *QUICK,
        "--out",
        str(finished),
    ]
    ran = brume(*words)
    assert ran.returncode == 0, ran.stderr
    assert "training is unchanged" in ran.stdout
    assert set(states(finished).values()) == {"reused"}
    assert (finished / "model" / "saved_model.pb").stat().st_mtime_ns == before


def test_new_slides_are_scored_with_the_model(finished: Path, cohort: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for name in ("luad-0.svs", "lusc-1.svs", "broken.svs"):
        shutil.copy(cohort / name, new / name)
    shutil.copy(cohort / "luad-0.svs", new / "once-more.svs")
    scan_again(cohort / "luad-0.svs", new / "at-40x.svs")
    out = tmp_path / "out"
    words = [f"slides={new}", f"model={finished}/model", "assume_mpp=0.5", "max_rejected=0.5"]
    ran = brume("run", "slides_predict", *words, "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    table = {row["slide"]: row for row in rows(out / "slide_scores.csv")}
    known = {row["slide"]: row for row in rows(finished / "slide_scores.csv")}
    fine = table.pop("at-40x.svs")
    assert set(table) == {"luad-0.svs", "lusc-1.svs"}
    for slide, row in table.items():
        assert (row["patient"], row["label"], row["split"]) == ("", "", "")
        assert float(row["p_luad"]) == pytest.approx(float(known[slide]["p_luad"]), abs=1e-4)
    for column in ("tiles", "mean_prediction"):
        assert fine[column] == table["luad-0.svs"][column]
    assert [row["slide"] for row in rows(out / "rejects.csv")] == ["broken.svs"]
    remark = "left out: it is a copy of luad-0.svs, by content"
    assert rows(out / "remarks.csv") == [{"slide": "once-more.svs", "step": "cohort", "remark": remark}]
    assert remark in (out / "report.html").read_text()
    assert "luad-0" in (out / "report.html").read_text()


def scan_again(slide: Path, target: Path) -> None:
    """Write the tissue of a slide of 20x as a scanner does at 40x."""
    with openslide.OpenSlide(str(slide)) as opened:
        pixels = np.asarray(opened.read_region((0, 0), 0, opened.dimensions).convert("RGB"))
    write_slide(target, pixels.repeat(2, axis=0).repeat(2, axis=1), mpp=0.25, levels=(4,))


@pytest.mark.long
def test_the_compiled_pipeline_gives_the_same_result(finished: Path, cohort: Path, tmp_path: Path) -> None:
    assert brume("compile", "slides", "-o", str(tmp_path)).returncode == 0
    code = f"""
from kfp import components, local
local.init(local.SubprocessRunner(use_venv=False), pipeline_root={str(tmp_path / "root")!r})
pipeline = components.load_component_from_file({str(tmp_path / "slides.yaml")!r})
pipeline(
    slides={str(cohort)!r}, labels={str(cohort / "labels.csv")!r},
    tile_size=64, epochs=3, batch_size=16, max_rejected=0.2, assume_mpp=0.5,
)
"""
    ran = subprocess.run([BRUME[0], "-c", code], capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    found = next((tmp_path / "root").rglob("slide_scores"))
    once, again = rows(finished / "slide_scores.csv"), rows(found)
    assert [row["slide"] for row in again] == [row["slide"] for row in once]
    for a, b in zip(once, again, strict=True):
        assert float(a["p_luad"]) == pytest.approx(float(b["p_luad"]), abs=1e-3)


def tiles_of(out: Path) -> Counter[tuple[str, str, int, int]]:
    index = pq.read_table(out / "tiles" / "index.parquet").to_pylist()
    return Counter((row["shard"], row["slide"], row["x"], row["y"]) for row in index)


@pytest.mark.long
def test_a_run_killed_in_every_stage_ends_as_if_it_was_not(
    finished: Path, cohort: Path, tmp_path: Path
) -> None:
    """kill -9 during tiling, training and prediction, then the same command again."""
    out = tmp_path / "out"
    words = ["run", "slides", f"slides={cohort}", f"labels={cohort}/labels.csv", *QUICK, "--out", str(out)]
    for stage in ("tiling", "training", "prediction"):
        process = subprocess.Popen([*BRUME, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until_working_on(stage, out, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    ran = brume(*words)
    assert ran.returncode == 0, ran.stderr
    assert tiles_of(out) == tiles_of(finished)
    assert (out / "splits.csv").read_text() == (finished / "splits.csv").read_text()
    once, again = rows(finished / "slide_scores.csv"), rows(out / "slide_scores.csv")
    assert [row["slide"] for row in again] == [row["slide"] for row in once]
    assert [row["tiles"] for row in again] == [row["tiles"] for row in once]
    for a, b in zip(once, again, strict=True):
        assert float(a["p_luad"]) == pytest.approx(float(b["p_luad"]), abs=1e-3)
    assert not list(out.rglob(".*.partial"))


def until_working_on(stage: str, out: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the stage has logged that part of it is done."""
    progress = out / "work" / "progress.jsonl"

    def begun() -> bool:
        assert process.poll() is None, f"the run ended before {stage}"
        return progress.exists() and f'"stage": "{stage}", "done": ' in progress.read_text()

    try:
        until(begun, f"the stage {stage}", seconds=200)
    except AssertionError:
        process.kill()
        raise


def test_a_failing_step_is_named_with_its_cause_and_the_log(cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [f"slides={cohort}", f"labels={cohort}/labels.csv", "tile_size=5000", "assume_mpp=0.5"]
    words += ["--out", str(out)]
    ran = brume("run", "slides", *words)
    assert ran.returncode == 1
    assert "step shards failed" in ran.stderr
    assert str(out / "work" / "run.log") in ran.stderr
    assert "Traceback" not in ran.stderr
    assert json.loads((out / "run.json").read_text())["status"] == "failed"
    assert len(rows(out / "rejects.csv")) == 19
