"""The script that builds Horovod says what it lacks; that the wheel works is shown by test_collective.py."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "images" / "training" / "horovod.sh"


def _run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path)} if path else None
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments], capture_output=True, text=True, env=environment, timeout=60
    )


def test_missing_tools_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    for tool in ("dirname", "basename"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    for tool in ("g++", "make", "mpirun"):
        (tmp_path / tool).symlink_to("/bin/true")
    done = _run(sys.executable, path=tmp_path)
    assert done.returncode == 3
    assert "apt-get install -y --no-install-recommends libopenmpi-dev\n" in done.stderr
    assert "mpi4py" in done.stderr


def test_a_python_without_tensorflow_is_refused(tmp_path: Path) -> None:
    if not all(map(shutil.which, ("g++", "make", "mpicxx", "mpirun"))):
        pytest.skip("the tools to build Horovod are not installed")
    venv.create(tmp_path / "empty", with_pip=False)
    done = _run(str(tmp_path / "empty" / "bin" / "python"))
    assert done.returncode == 2
    assert "has no TensorFlow" in done.stderr


def test_a_wrong_call_shows_the_right_one() -> None:
    done = _run()
    assert done.returncode == 2
    assert "usage:" in done.stderr
