"""`brume inspection` against an engine that runs on this machine, found by its data folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brume.aws.engine import catalog
from brume.inspection.pipeline.command import inspection
from tests.aws.serving import KEY
from tests.components.inspection.parts import running, wait, write_dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of an engine that runs, with the account of itself that its program writes."""
    root = tmp_path_factory.mktemp("cli")
    write_dataset(root / "pictures" / "plates", 4, 2)
    with running(root) as found, contextlib.ExitStack() as stack:
        folder = found.settings.data
        keys = folder / "credentials"
        keys.write_text(
            f"[default]\naws_access_key_id = {KEY.access_key}\naws_secret_access_key = {KEY.secret}\n"
            f"account = {KEY.account}\n"
        )
        state = {"name": "inspection", "url": found.url, "pid": os.getpid(), "services": []}
        (folder / catalog.STATE).write_text(json.dumps(state | {"credentials": str(keys)}))
        lock = stack.enter_context((folder / catalog.LOCK).open("a"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let a command set what it likes, and forget it after."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BRUME_"))]:
        monkeypatch.delenv(name)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def brume(data: Path, *words: object) -> Result:
    return CliRunner().invoke(inspection, ["--data", str(data), *map(str, words)], catch_exceptions=False)


def well(data: Path, *words: object) -> str:
    result = brume(data, *words)
    assert result.exit_code == 0, result.output
    return result.output


def badly(data: Path, *words: object) -> str:
    """Return the one line of the error message."""
    result = brume(data, *words)
    assert result.exit_code != 0
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith(("brume: ", "Error: ")), result.output
    return lines[-1]


def test_a_project_is_made_and_its_dataset_filled_from_folder_address_and_manifest(
    data: Path, tmp_path: Path
) -> None:
    assert "brume inspection dataset one" in well(data, "create", "one")
    write_dataset(tmp_path / "mine", 3, 2)
    out = well(data, "dataset", "one", "--images", tmp_path / "mine")
    assert "5 images, 3 normal, 2 anomalous, 0 unlabelled" in out
    out = well(data, "dataset", "one", "--test", "--images", "s3://pictures/plates")
    assert "one, test: " in out and "(CREATE_COMPLETE)" in out
    well(data, "create", "two")
    manifest = tmp_path / "list.manifest"
    text = (data.parent / "pictures/plates/train.manifest").read_text()
    manifest.write_text(text.replace("s3://pictures/", "s3://pictures/plates/"))
    assert "6 images, 4 normal, 2 anomalous" in well(data, "dataset", "two", "--manifest", manifest)
    assert "two" in well(data, "projects") and "one" in well(data, "projects")
    assert "already" in badly(data, "create", "one")


def test_what_is_wrong_is_reported_in_one_line(data: Path, tmp_path: Path) -> None:
    well(data, "create", "wrong")
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "a.png").write_bytes(b"x")
    assert "a folder called normal or anomaly" in badly(
        data, "dataset", "wrong", "--images", tmp_path / "loose"
    )
    assert "there is no folder" in badly(data, "dataset", "wrong", "--images", tmp_path / "absent")
    assert "holds no PNG" in badly(data, "trial", "wrong", "1", tmp_path / "none")
    assert "no project nothing" in badly(data, "models", "nothing")
    assert "no train dataset" in badly(data, "train", "wrong")
    assert "no trial" in badly(data, "verify", "0" * 12)
    assert "neither a time" in badly(data, "dashboard", "--since", "yesterday")
    assert "two to four" in badly(data, "compare", "wrong", "1")
    (tmp_path / "bad" / "normal").mkdir(parents=True)
    (tmp_path / "bad" / "normal" / "a.png").write_bytes(b"no picture")
    assert "1 of 1 pictures were not taken" in badly(data, "dataset", "wrong", "--images", tmp_path / "bad")
    alone = badly(tmp_path, "projects")
    assert "brume engine inspection" in alone and "--data" in alone


def test_waiting_ends_when_a_training_fails_or_time_is_over(data: Path, tmp_path: Path) -> None:
    well(data, "create", "failing")
    write_dataset(tmp_path / "mine", 13, 0)
    well(data, "dataset", "failing", "--images", tmp_path / "mine")
    for picture in (data / "images").glob("*/train-*"):
        picture.unlink()
    message = badly(data, "train", "failing", "--wait")
    assert "TRAINING_FAILED" in message and "cannot be used" in message
    assert "TRAINING_FAILED" in well(data, "models", "failing")
    assert "only a trained model" in badly(data, "trial", "failing", "1", tmp_path / "mine")
    assert "still TRAINING" in badly(data, "train", "failing", "--wait", "--timeout", "0")
    wait(lambda: {"Status": str(well(data, "models", "failing").count("TRAINING_FAILED"))}, ("2",))


def test_the_page_and_the_dashboard_are_reached(data: Path) -> None:
    token = (data / "console-token").read_text()
    assert well(data, "console").strip().endswith(f"/console/?token={token}")
    out = well(data, "dashboard", "--since", "7d")
    assert out.splitlines()[-1].split() == ["all", "0", "0", "–"]
    assert "no trial" in well(data, "trials")
