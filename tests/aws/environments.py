"""Virtual environments beside the project's own, of packages that cannot be in it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def _interpreter(version: str) -> str:
    """Return an interpreter of this version of Python; skip the test, saying so, where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for one in filter(None, found):  # pyenv's own command fails for a version that is not chosen
        if not subprocess.run([str(one), "--version"], capture_output=True, check=False).returncode:
            return str(one)
    pytest.skip(f"Python {version} is not installed")


def python(wanted: Path, version: str = "", alone: tuple[str, ...] = ()) -> Path:
    """Return the interpreter of the environment that a file of requirements asks for.

    It is made on first use and kept in the user's cache, of this project's Python or of `version`; packages
    in `alone` are installed without what they ask for. Skips the test, saying so, where that or the packages
    cannot be had.
    """
    program = _interpreter(version) if version else sys.executable
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brume"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / wanted.stem
    interpreter, complete = folder / "bin" / "python", folder / "complete"
    state = hashlib.sha256(
        wanted.read_bytes() + " ".join((version or sys.version, *alone)).encode()
    ).hexdigest()
    with (cache / f"{wanted.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text() != state:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([program, "-m", "venv", str(folder)], check=True)
            install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            asked = [["-r", str(wanted)], *(["--no-deps", *alone] for _ in alone[:1])]
            for packages in asked:
                made = subprocess.run(
                    [*install, "--retries", "1", *packages], capture_output=True, text=True, check=False
                )
                if made.returncode:
                    last = made.stderr.strip().rpartition("\n")[2]
                    pytest.skip(f"what {wanted.name} asks for cannot be installed: {last}")
            complete.write_text(state)
    return interpreter
