"""run.json: what was run, with what, when, and what came out."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from brume import storage
from brume.run.code import platform_versions
from brume.run.stage import Stage


def now() -> str:
    """Return the present time in UTC, in ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions(stages: Iterable[Stage[..., Any]]) -> dict[str, str]:
    """Return the versions of Python, the platform and the libraries that the results of stages depend on."""
    libraries: dict[str, str] = {}
    for stage in stages:
        libraries |= stage.libraries()
    return {
        **platform_versions(),
        "kfp": importlib.metadata.version("kfp"),
        **dict(sorted(libraries.items())),
    }


def git_revision() -> str:
    """Return the commit of the source, with `+changes` when files differ from it, or an empty string."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        described = subprocess.run(
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
    return described.stdout.strip()


def metrics(out: Path) -> dict[str, Any]:
    """Collect what the steps measured: the metadata of their Metrics outputs."""
    found: dict[str, Any] = {}
    for state in sorted((out / "work" / "steps").glob("*.json")):
        record = json.loads(state.read_text())
        for name, place in record["places"].items():
            if place.startswith("work/metrics/"):
                found[Path(place).stem] = record["metadata"][name]
    return found


def write(out: Path, content: Mapping[str, Any]) -> None:
    """Write OUT/run.json, whole."""
    storage.write_bytes(str(out / "run.json"), json.dumps(content, indent=1, default=str).encode() + b"\n")
