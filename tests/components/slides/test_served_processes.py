"""Predictors as processes of this machine: stopped by others, or ended with their run."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from brume.cluster import serving
from brume.cluster.serving import Model, ServingError
from tests.components.slides.colours import (
    PREDICTOR,
    ask,
    save_model,
)
from tests.polling import until

pytestmark = pytest.mark.slow


def test_a_recycled_pid_is_left_alone(out: Path) -> None:
    """The state file of a process that ended long ago names a pid that another process has now."""
    bystander = subprocess.Popen(["sleep", "600"])
    folder = out / "work" / "serving"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "old.json").write_text(json.dumps({"pid": bystander.pid, "started": "1"}))
    serving.stop("old")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert not (folder / "old.json").exists()


def test_a_model_that_cannot_be_loaded_is_explained_and_nothing_is_left(out: Path, tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"labels\.json.*cannot be read"):
        serving.serve(Model("absent", str(tmp_path), module=PREDICTOR), print)
    assert not (out / "work" / "serving" / "absent.json").exists()


def test_a_model_ends_with_the_run_that_started_it(out: Path, tmp_path: Path) -> None:
    """kill -9 of the run: it cannot stop its predictor any more."""
    uri = save_model(tmp_path / "model")
    code = (
        "import os, signal, sys; from pathlib import Path; from brume.run import lifeline; "
        "from brume.cluster import serving; "
        "line = lifeline.Lifeline(Path(sys.argv[1])); os.environ.update(line.environment()); "
        f"model = serving.Model('orphan', sys.argv[2], module={PREDICTOR!r}); "
        "print(serving.serve(model, lambda _l: None).url, flush=True); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock"), uri]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert run.returncode == -signal.SIGKILL

    def look() -> None:
        with contextlib.suppress(urllib3.exceptions.ProtocolError):  # cut while it answered
            ask(run.stdout.strip(), None, "GET")

    with pytest.raises(urllib3.exceptions.NewConnectionError):
        until(look, "the end of the predictor")


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b"])
def test_a_name_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a name"):
        serving.stop(name)
