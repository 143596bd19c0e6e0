"""The store of Kubeflow Pipelines' artifacts: ML Metadata behind a server of ours."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import socket
import subprocess
import sys
import venv
from pathlib import Path

from tests.cluster.harness import binaries
from tests.cluster.harness.binaries import Unavailable
from tests.cluster.harness.processes import Processes

PORT = 18080  # 8080 is what everybody takes
VERSION = "1.17.1"
_PACKAGES = (f"ml-metadata=={VERSION}", "grpcio==1.85.3", "protobuf==4.25.9")
_SERVER = Path(__file__).with_name("metadata_server.py")


def start(processes: Processes, host: str) -> None:
    """Start the server at `host`, with an empty store. Raises `Unavailable`."""
    database = processes.folder / "metadata.sqlite"

    def answers() -> bool:
        with socket.create_connection((host, PORT), timeout=1):
            return True

    processes.start("metadata-store", [python(), _SERVER, f"{host}:{PORT}", database], ready=answers)


def python() -> Path:
    """Return the interpreter of an environment with the library, whose versions are not the project's."""
    key = hashlib.sha256(" ".join((*_PACKAGES, sys.version)).encode()).hexdigest()[:12]
    folder = binaries.cache() / f"metadata-store-{key}"
    binaries.cache().mkdir(parents=True, exist_ok=True)
    with (binaries.cache() / "metadata-store.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two sessions started together make it once
        if not folder.exists():
            print("cluster: installing ML Metadata (once)", file=sys.stderr, flush=True)
            try:
                venv.create(folder, with_pip=True)
                _install(folder / "bin" / "python")
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    return folder / "bin" / "python"


def _install(python: Path) -> None:
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"ML Metadata {VERSION} cannot be installed:\n{done.stderr.strip()[-1000:]}")
