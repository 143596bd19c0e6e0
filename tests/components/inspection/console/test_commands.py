"""`brume inspection` with a trained model: from new pictures to a dataset with them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from brume.inspection.pipeline.command import inspection
from tests.components.inspection.console.conftest import PROJECT, Served
from tests.components.inspection.parts import write_dataset

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a command set what it likes, and forget it after."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def brume(served: Served, *words: object, code: int = 0) -> str:
    arguments = ["--data", str(served.data), *map(str, words)]
    result = CliRunner().invoke(inspection, arguments, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return str(result.output)


def test_a_folder_is_tried_verified_and_added(served: Served, tmp_path: Path) -> None:
    write_dataset(tmp_path / "new", 3, 2, seed=2000)
    (tmp_path / "new" / "readme.png").write_bytes(b"no picture")
    out = brume(served, "trial", PROJECT, "latest", tmp_path / "new", "--name", "From a terminal")
    trial = re.search(r"trial ([0-9a-f]{12}) of plates, version 2: 6 pictures, 5 anomalous, 1 rejected", out)
    assert trial, out  # version 2 calls everything anomalous
    assert "readme.png: the image is neither" in out
    identity = trial[1]
    out = brume(served, "verify", identity, "--correct", "normal/000.png")
    assert "1 verified correct, 0 incorrect" in out
    out = brume(served, "verify", identity, "--by-folder")
    assert "2 verified correct, 3 incorrect" in out  # the folder contradicts it for all good ones
    out = brume(served, "verify", identity, "--correct", "none.png", code=1)
    assert out == f"brume: trial {identity} has no picture none.png: the names are those of the trial\n"
    assert (
        f"/console/?token={(served.data / 'console-token').read_text()}#/trials/{identity}/verify"
        in brume(served, "verify", identity)
    )
    out = brume(served, "add", identity, "--dataset", "train")
    assert out == "5 pictures added to the train dataset of plates, 0 were there, 0 are not verified\n"
    assert "5 of 5" in next(
        line for line in brume(served, "trials", PROJECT).splitlines() if identity in line
    )
    folder = brume(served, "trial", PROJECT, "1", "s3://pictures/normal/")
    assert "16 pictures, " in folder


def test_versions_are_compared_and_a_threshold_is_set(served: Served) -> None:
    out = brume(served, "compare", PROJECT, "1", "2")
    assert "what no version was trained on" in out and re.search(r"They differ on [1-9]\d* pictures", out)
    assert out.count("VERSION") >= 1 and "FALSE ALARMS" in out
    try:
        assert brume(served, "threshold", PROJECT, "1", "--value", "0.75").startswith("threshold 0.750\n")
        assert brume(served, "threshold", PROJECT, "1").startswith("threshold 0.750\n")
        cheap = brume(served, "threshold", PROJECT, "1", "--miss-cost", "9", "--false-alarm-cost", "1")
        assert "recall 1.000" in cheap
        assert "both needed" in brume(served, "threshold", PROJECT, "1", "--miss-cost", "9", code=1)
    finally:
        served.query("update models set threshold = null where version = 1")


@pytest.mark.long
def test_a_version_is_started_detects_and_is_stopped(served: Served, tmp_path: Path) -> None:
    write_dataset(tmp_path / "new", 1, 1, seed=2100)
    assert "only a HOSTED" in brume(served, "stop", PROJECT, "1", code=1)
    assert "is HOSTED" in brume(served, "start", PROJECT, "1")
    try:
        out = brume(served, "detect", PROJECT, "1", tmp_path / "new")
        predictions = {Path(line.split()[0]).parent.name: line.split()[1] for line in out.splitlines()[-2:]}
        assert predictions == {"anomaly": "anomaly", "normal": "normal"}
        assert brume(served, "dashboard").splitlines()[1].split()[:3] == [PROJECT, "2", "1"]
    finally:
        assert "is TRAINED" in brume(served, "stop", PROJECT, "1")
        served.query("delete from detections")
        served.query("delete from drift_sums")


@pytest.mark.long
def test_retraining_with_what_was_verified_makes_the_next_version(served: Served) -> None:
    out = brume(
        served, "train", PROJECT, "--description", "with-what-was-verified", "--wait", "--timeout", "10"
    )
    assert "version 3 of plates is trained: F1" in out
    assert (served.data / "evaluations" / PROJECT).is_dir()  # who has no bucket needs none
    assert "what no version was trained on" in brume(served, "compare", PROJECT, "1", "3")
    served.vision.delete_model(ProjectName=PROJECT, ModelVersion="3")
