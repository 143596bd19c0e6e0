"""boto3 1.39, the last that knew Lookout for Vision, and the AWS CLI of its time, beside the project."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.aws.keys import Key

WANTED = Path(__file__).with_name("boto3-1.39.txt")


def python() -> Path:
    """Return the environment's interpreter, made on first use and kept in the user's cache.

    Skips the test, saying so, where the packages cannot be had.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "brume"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / "boto3-1.39"
    interpreter, complete = folder / "bin" / "python", folder / "complete"
    version = hashlib.sha256(WANTED.read_bytes() + sys.version.encode()).hexdigest()
    with (cache / "boto3-1.39.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists() or complete.read_text() != version:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            made = subprocess.run(
                [*install, "--retries", "1", "-r", str(WANTED)], capture_output=True, text=True, check=False
            )
            if made.returncode:
                last = made.stderr.strip().rpartition("\n")[2]
                pytest.skip(f"boto3 1.39 cannot be installed: {last}")
            complete.write_text(version)
    return interpreter


def environment(url: str, key: Key) -> dict[str, str]:
    """Return the variables by which any AWS client reaches Lookout for Vision at `url`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "AWS_ENDPOINT_URL_LOOKOUTVISION": url,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
