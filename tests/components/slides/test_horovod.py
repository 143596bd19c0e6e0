"""The script that builds Horovod names what is missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "images" / "training" / "horovod.sh"


def _run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(path)} if path else None
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments], capture_output=True, text=True, env=environment, timeout=60
    )


def test_missing_tools_are_named_with_the_command_that_installs_them(tmp_path: Path) -> None:
    for tool in ("dirname", "basename", "mkdir", "find", "head"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    for tool in ("g++", "make", "mpirun"):
        (tmp_path / tool).symlink_to("/bin/true")
    done = _run(sys.executable, str(tmp_path / "wheels"), path=tmp_path)
    assert done.returncode == 3
    assert "apt-get install -y --no-install-recommends libopenmpi-dev\n" in done.stderr
    assert "mpi4py" in done.stderr


def test_a_wheel_that_is_there_needs_no_compiler(tmp_path: Path) -> None:
    for tool in ("dirname", "basename", "mkdir", "find", "head"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "horovod-0.28.1-cp311-cp311-linux_x86_64.whl").touch()
    done = _run(sys.executable, str(tmp_path / "wheels"), path=tmp_path)
    assert done.returncode == 3
    assert "apt-get install -y --no-install-recommends openmpi-bin\n" in done.stderr


def test_a_python_without_tensorflow_is_refused(tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=False)
    done = _run(str(tmp_path / "empty" / "bin" / "python"))
    assert done.returncode == 2
    assert "has no TensorFlow" in done.stderr


def test_a_wrong_call_shows_the_right_one() -> None:
    done = _run()
    assert done.returncode == 2
    assert "usage:" in done.stderr
