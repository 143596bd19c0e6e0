"""Lookout for Vision end to end on real pictures: by its own SDK, then its console's steps."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brume.aws.engine import catalog
from brume.aws.wire import keys
from brume.inspection.model.manifest import write_line
from tests.aws import old_sdk
from tests.pipelines.runs import BRUME, brume
from tests.polling import until

pytestmark = pytest.mark.long
STORY = Path(__file__).with_name("story.py")
TRAINED = 40  # pictures of each kind in the first training; the rest are new


@pytest.fixture(scope="module")
def pictures(real_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Aliens in train/, test/ and trial/, and a manifest of train/ with addresses in s3://aliens/."""
    source, folder = real_data("inspection/aliens"), tmp_path_factory.mktemp("aliens")
    lines = []
    for kind in ("normal", "anomaly"):
        files = sorted((source / kind).iterdir(), key=lambda path: int(path.stem))
        for number, path in enumerate(files):
            part = "train" if number < TRAINED else "test" if number < TRAINED + 10 else "trial"
            target = folder / part / kind / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            if part == "train":
                lines.append(
                    write_line(f"s3://aliens/train/{kind}/{path.name}", kind == "anomaly", 0.0, "by-hand")
                )
    (folder / "train.manifest").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def engine(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[catalog.Running]:
    """The command's own engine, in a process of its own."""
    data = tmp_path_factory.mktemp("engine")
    words = [
        "engine",
        "inspection",
        "--port",
        "0",
        "--data",
        str(data),
        "--folder",
        f"s3://aliens/={pictures}",
    ]
    with subprocess.Popen([*BRUME, *words], stderr=subprocess.DEVNULL) as process:
        try:

            def listens() -> catalog.Running | None:
                assert process.poll() is None
                return catalog.running(data)

            found = until(listens, "the engine's start")
            assert found is not None
            yield found
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def results(engine: catalog.Running, pictures: Path) -> dict[str, Any]:
    """What the program of the service's time printed."""
    (key,) = keys.load(Path(engine.credentials)).values()
    program = [str(old_sdk.python()), str(STORY), "aliens", "train.manifest", str(pictures / "test")]
    done = subprocess.run(
        program, env=old_sdk.environment(engine.url, key), capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_sdk_of_its_time_runs_unchanged(results: dict[str, Any]) -> None:
    assert results["boto3"].startswith("1.39.")
    assert results["images"] == {"Total": 80, "Labeled": 80, "Normal": 40, "Anomaly": 40}
    assert set(results["performance"]) == {"F1Score", "Precision", "Recall"}


def test_the_pictures_are_distinguished(results: dict[str, Any]) -> None:
    right = [name.startswith("anomaly") == anomalous for name, (anomalous, _) in results["found"].items()]
    assert len(right) == 20
    assert sum(right) >= 17
    assert all(0 <= confidence <= 1 for _, confidence in results["found"].values())


def test_what_the_console_did(results: dict[str, Any], engine: catalog.Running, pictures: Path) -> None:
    """Trial, verify, add, retrain to version 2, compare; by the command, on the engine's folder."""
    data = str(Path(engine.credentials).parent)

    def inspection(*words: str) -> str:
        done = brume("inspection", "--data", data, *words, timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    printed = inspection("trial", "aliens", "1", str(pictures / "trial"))
    identity = re.search(r"verify (\S+)", printed)[1]  # type: ignore[index]
    assert f"{len(list((pictures / 'trial').rglob('*.png')))} pictures" in printed
    printed = inspection("verify", identity, "--by-folder")
    correct, incorrect = map(int, re.search(r"(\d+) verified correct, (\d+) incorrect", printed).groups())  # type: ignore[union-attr]
    assert correct + incorrect == 18 and correct > incorrect
    assert "18 pictures added" in inspection("add", identity)
    assert "18 were there" in inspection("add", identity)
    assert "aliens, train: 98 images" in inspection("dataset", "aliens")
    assert "version 2 of aliens is trained" in inspection("train", "aliens", "--wait")
    printed = inspection("compare", "aliens", "1", "2")
    assert re.search(r"^ *1 ", printed, re.M) and re.search(r"^ *2 ", printed, re.M)
    assert "aliens" in inspection("dashboard") and "20" in inspection("dashboard")
