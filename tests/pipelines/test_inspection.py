"""The inspection pipeline from end to end, through the AWS SDK and an engine that the run starts itself."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest

from brume.pipelines.running import catalog
from tests.components.inspection.parts import photo, write_dataset
from tests.pipelines.runs import BRUME, brume
from tests.polling import until

pytestmark = pytest.mark.slow

STAGES = catalog.load("inspection").stages


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def states(out: Path) -> dict[str, str]:
    return {step["step"]: step["state"] for step in json.loads((out / "run.json").read_text())["steps"]}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("it's parts")
    write_dataset(folder / "train", 14, 12)
    write_dataset(folder / "test", 4, 4, seed=100)
    (folder / "train" / "normal" / "text.jpg").write_text("this is no picture")
    (folder / "new").mkdir()
    for number, defect in enumerate(("", "stain", "hole")):
        (folder / "new" / f"{number}.png").write_bytes(photo(200 + number, defect))
    return folder


@pytest.fixture(scope="module")
def words(parts: Path) -> list[str]:
    places = {"images": "train", "test_images": "test", "trial_images": "new"}
    return ["run", "inspection", "project=plates", *(f"{name}={parts / at}" for name, at in places.items())]


@pytest.fixture(scope="module")
def finished(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "out"
    result = brume(*words, "--out", str(out))
    assert result.returncode == 0, result.stdout + result.stderr
    return out


def test_every_step_is_done_and_recorded(finished: Path) -> None:
    assert set(states(finished)) == set(STAGES)
    assert set(states(finished).values()) == {"finished"}
    metrics = json.loads((finished / "run.json").read_text())["metrics"]["inspection"]
    assert set(metrics) == {"f1", "precision", "recall", "auroc"}
    assert metrics["auroc"] > 0.8  # the defects are plain to see


def test_every_test_and_trial_image_is_looked_at(finished: Path) -> None:
    found = rows(finished / "detections.csv")
    assert sorted(row["set"] for row in found) == ["test"] * 8 + ["trial"] * 3
    assert not any(row["error"] for row in found)
    truth = {row["name"]: row["truth"] for row in found}
    assert truth["normal/000.png"] == "normal" and truth["anomaly/004.png"] == "anomaly"
    assert {row["truth"] for row in found if row["set"] == "trial"} == {""}
    right = [
        row["truth"] == ("anomaly" if row["anomalous"] == "yes" else "normal")
        for row in found
        if row["truth"]
    ]
    assert sum(right) >= 6


def test_what_cannot_be_used_is_set_aside(finished: Path) -> None:
    assert [row["file"] for row in rows(finished / "rejects.csv")] == ["normal/text.jpg"]
    assert "normal/text.jpg" in (finished / "report.html").read_text()


def test_the_device_bundle_gives_the_results_of_the_service(finished: Path, parts: Path) -> None:
    from brume.inspection.model.bundle import Bundle
    from brume.inspection.model.images import decode

    bundle = Bundle.load(finished / "bundle")
    assert (bundle.about["project"], bundle.about["model_version"]) == ("plates", "1")
    for row in rows(finished / "detections.csv"):
        detected = bundle.detect(decode(Path(row["uri"]).read_bytes()))
        assert detected.anomalous == (row["anomalous"] == "yes")
        assert detected.confidence == pytest.approx(float(row["confidence"]), abs=1e-3)


def test_the_report_shows_metrics_choice_and_pictures(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for words in ("AUROC", "Choice of the detector", "Trial images", "Test images", "Where the model looks"):
        assert words in page
    assert page.count("data:image/jpeg;base64,") == 11
    assert not re.search(r"""(src|href)=["']?https?:""", page)


def test_nothing_is_left_running(finished: Path) -> None:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert str(finished).encode() not in process.read_bytes(), process
        except OSError:  # it ended while we looked
            continue


def test_a_second_run_takes_over_and_does_not_host_again(finished: Path, words: list[str]) -> None:
    result = brume(*words, "--out", str(finished))
    assert result.returncode == 0, result.stdout + result.stderr
    again = states(finished)
    assert again.pop("hosting", "reused") == "reused"
    assert set(again.values()) == {"reused"}


def test_other_trial_images_are_detected_with_the_same_model(
    finished: Path, words: list[str], parts: Path
) -> None:
    """The exit handler has stopped the model of the run before: it is hosted again, not trained again."""
    newer = parts / "newer"
    newer.mkdir()
    (newer / "9.png").write_bytes(photo(300, "stain"))
    others = [f"trial_images={newer}" if word.startswith("trial_images=") else word for word in words]
    ran = brume(*others, "--out", str(finished))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [name for name, state in states(finished).items() if state == "finished"] == [
        *("trial", "hosting", "detection", "report")
    ]
    assert [row["name"] for row in rows(finished / "detections.csv") if row["set"] == "trial"] == ["9.png"]


def test_a_corrected_label_trains_again(finished: Path, words: list[str], parts: Path) -> None:
    """The number of entries is the same, their content is not."""
    before = json.loads((finished / "evaluation" / "model.json").read_text())
    wrong = parts / "train" / "normal" / "000.png"
    wrong.write_bytes(photo(400, "hole"))
    wrong.replace(parts / "train" / "anomaly" / "100.png")
    ran = brume(*words, "--out", str(finished))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert states(finished)["training"] == "finished"
    after = json.loads((finished / "evaluation" / "model.json").read_text())
    assert (before["ModelVersion"], after["ModelVersion"]) == ("1", "2")
    versions = json.loads((finished / "run.json").read_text())["versions"]
    assert {"ai-edge-litert", "opencv-python-headless", "scipy", "pillow", "sqlalchemy"} <= set(versions)


@pytest.mark.long
def test_a_deployed_model_answers_after_the_run(words: list[str], tmp_path: Path) -> None:
    """The run's engine ends with it; started again on the same data, it hosts what was deployed."""
    out = tmp_path / "out"
    result = brume(*words, "deploy=true", "--out", str(out))
    assert result.returncode == 0, result.stdout + result.stderr
    data = out / "engines" / "inspection"
    with subprocess.Popen(
        [*BRUME, "engine", "inspection", "--port", "0", "--data", str(data)], stderr=subprocess.DEVNULL
    ) as engine:
        try:

            def started() -> bool:
                assert engine.poll() is None
                return (data / "engine.json").exists()

            until(started, "the engine's start")
            code = (
                "import sys, time; from brume.aws.client import client; c = client('lookoutvision')\n"
                "while c.describe_model(ProjectName='plates', ModelVersion='1')['ModelDescription']['Status']"
                " != 'HOSTED': time.sleep(0.2)\n"
                "print(c.detect_anomalies(ProjectName='plates', ModelVersion='1', ContentType='image/png',"
                " Body=sys.stdin.buffer.read())['DetectAnomalyResult']['IsAnomalous'])"
            )
            # As a user does it: eval "$(brume env inspection)", then the program.
            shell = 'eval "$("$0" -m brume env inspection --data "$1")"; exec "$0" -c "$2"'
            answer = subprocess.run(
                ["bash", "-c", shell, BRUME[0], str(data), code],
                input=photo(300, "stain"),
                capture_output=True,
                timeout=120,
            )
            assert answer.stdout.strip() == b"True", answer.stderr.decode()
        finally:
            engine.terminate()


@pytest.mark.long
def test_a_refused_training_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    few = tmp_path / "few"
    write_dataset(few, 3, 2)
    result = brume("run", "inspection", f"images={few}", "--out", str(tmp_path / "out"))
    assert result.returncode == 1
    assert "step training failed" in result.stderr and "at least 12 normal ones are needed" in result.stderr
    assert states(tmp_path / "out")["training"] == "failed"


def test_wrong_parameters_are_named_at_once(tmp_path: Path) -> None:
    result = brume("run", "inspection", "project=-x", f"images={tmp_path / 'none'}", "units=0")
    assert result.returncode == 2
    for word in ("project=-x", "is not there", "units=0"):
        assert word in result.stderr
