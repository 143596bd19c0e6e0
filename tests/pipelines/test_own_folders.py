"""Beside a Kubeflow project's own components/ and pipelines/ (there is no such project without them)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brume.aws.engine import catalog
from tests.pipelines.runs import BRUME
from tests.polling import until

pytestmark = pytest.mark.slow
FAIL = "raise SystemExit('the package of the user was imported')\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the user's, whose packages fail when anything imports them."""
    for name in ("components", "pipelines"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            "raise SystemExit('the project of the user was imported')\n"
        )
    return tmp_path


def test_a_pipeline_and_its_engine_run_inside_the_users_project(project: Path) -> None:
    generated = [sys.executable, "-m", "brume.labels.demo", "made", "--size", "small"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    for command in (generated, [*BRUME, "run", "labels", "source=made/tree", "--out", "out"]):
        ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (project / "out" / "report.html").exists()


def test_an_engine_starts_inside_the_users_project(project: Path) -> None:
    data = project / "data"
    command = [*BRUME, "engine", "labels", "--port", "0", "--data", str(data)]
    environment = {**os.environ, "PYTHONPATH": str(project), "BRUME_LAKE": str(project / "lake")}
    with (project / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
    try:
        until(lambda: catalog.running(data) or process.poll() is not None, "the engine", seconds=60)
        assert catalog.running(data), (project / "log").read_text()
    finally:
        process.terminate()
        process.wait()
