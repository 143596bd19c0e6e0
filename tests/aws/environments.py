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


def python(wanted: Path) -> Path:
    """Return the interpreter of the environment that a file of requirements asks for.

    It is made on first use and kept in the user's cache. Skips the test, saying so, where the packages cannot
    be had.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brume"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / wanted.stem
    interpreter, complete = folder / "bin" / "python", folder / "complete"
    version = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()
    with (cache / f"{wanted.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text() != version:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            made = subprocess.run(
                [*install, "--retries", "1", "-r", str(wanted)], capture_output=True, text=True, check=False
            )
            if made.returncode:
                last = made.stderr.strip().rpartition("\n")[2]
                pytest.skip(f"what {wanted.name} asks for cannot be installed: {last}")
            complete.write_text(version)
    return interpreter
