"""run.json: what was run, with what, when, and what came out."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brume import storage

_TOLD = [
    "brume",
    "kfp",
    "tensorflow",
    "tensorflow-cpu",
    "keras",
    "horovod",
    "mpi4py",
    "numpy",
    "openslide-python",
    "openslide-bin",
    "tifffile",
    "simplejpeg",
    "scikit-image",
    "scikit-learn",
    "pyarrow",
    "duckdb",
    "sqlglot",
    "altair",
    "boto3",
]


def now() -> str:
    """Return the present time in UTC, in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the libraries that a result may depend on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _TOLD:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_revision() -> str:
    """Return the commit of the source, with `+changes` when files differ from it, or an empty string."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        told = subprocess.run(
            [
                "git",
                "-C",
                str(root),
                "describe",
                "--always",
                "--dirty=+changes",
                "--abbrev=12",
                "--exclude=*",
            ],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()


def metrics(out: Path) -> dict[str, Any]:
    """Collect what the steps measured: the metadata of their Metrics outputs."""
    found: dict[str, Any] = {}
    for state in sorted((out / "work" / "steps").glob("*.json")):
        record = json.loads(state.read_text())
        for place, metadata in zip(record["places"], record["metadata"], strict=True):
            if place.startswith("work/metrics/"):
                found[Path(place).stem] = metadata
    return found


def write(out: Path, content: Mapping[str, Any]) -> None:
    """Write OUT/run.json, whole."""
    storage.write_bytes(str(out / "run.json"), json.dumps(content, indent=1, default=str).encode() + b"\n")
