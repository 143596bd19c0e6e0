"""What every pipeline step does around its work, wherever it runs.

On a cluster an artifact lies where Kubeflow Pipelines puts it. In a local run it lies in the run's own folder
under its own name (`OUT/model`, `OUT/report.html`), and a step whose inputs, parameters and code are those of
its last success is not done again: its results stand in `OUT/work/steps/NAME.json`.

The artifacts given to a step are used by their attributes `uri`, `path` and `metadata` alone.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from brume import storage
from brume.run import lifeline, progress

OUT = "BRUME_OUT"


class Artifact(Protocol):
    """The part of a Kubeflow Pipelines artifact that a step uses."""

    uri: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Output:
    """An artifact that a step writes, and its place in the folder of a local run."""

    artifact: Artifact
    place: str


class Step:
    """One step of a pipeline: its identity, what it reads and what it writes."""

    def __init__(
        self,
        name: str,
        *,
        outputs: Sequence[Output],
        inputs: Sequence[str] = (),
        parameters: Mapping[str, Any],
        part: str = "",
    ) -> None:
        """Describe a step.

        `name` is the stage shown to the user, `part` tells the members of a loop apart, `inputs` are the URIs
        whose content the result depends on, `parameters` all else that it depends on.
        """
        lifeline.follow()
        self.name = name
        progress.part = part
        self._label = f"{name}-{part}" if part else name
        self._outputs = outputs
        self._inputs = inputs
        self._parameters = parameters
        out = os.environ.get(OUT)
        self._out = Path(out) if out else None
        self._state = self._out / "work" / "steps" / f"{self._label}.json" if self._out else None
        if self._out:
            for output in outputs:
                output.artifact.uri = str(self._out / output.place)

    def run(self, work: Callable[[], Any]) -> Any:
        """Do the work, or take over the result of the last time it was done; returns its result.

        The result must be made of what JSON holds. An error is noted for the live view and raised again.
        """
        if (known := self._known()) is not None:
            for output, metadata in zip(self._outputs, known["metadata"], strict=True):
                output.artifact.metadata.update(metadata)
            progress.step(self._label, "reused")
            return known["result"]
        progress.step(self._label, "started")
        started = time.time()
        try:
            result = work()
        except BaseException as error:
            progress.step(self._label, "failed", note=f"{type(error).__name__}: {error}")
            raise
        if self._state:
            record = {
                "key": self._key(),
                "result": result,
                "places": [output.place for output in self._outputs],
                "metadata": [dict(output.artifact.metadata) for output in self._outputs],
                "files": self._files(),
                "seconds": round(time.time() - started, 3),
            }
            storage.write_bytes(str(self._state), json.dumps(record, indent=1).encode())
        progress.step(self._label, "finished")
        return result

    def reusable(self) -> bool:
        """Tell whether `run` would take over the last result instead of doing the work."""
        return self._known() is not None

    def place(self, path: str) -> str | None:
        """Return where `path` lies in the folder of a local run, or None on a cluster."""
        return str(self._out / path) if self._out else None

    def timings(self) -> dict[str, float]:
        """Return the seconds that the steps before this one took in a local run, by name, in their order."""
        if self._state is None:
            return {}
        states = sorted(self._state.parent.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return {path.stem: float(json.loads(path.read_text())["seconds"]) for path in states}

    def run_record(self) -> dict[str, Any]:
        """Return what a local run knows of itself so far; nothing on a cluster, whose dashboard shows it."""
        place = self.place("run.json")
        return dict(json.loads(storage.read_bytes(place))) if place and storage.exists(place) else {}

    def _known(self) -> dict[str, Any] | None:
        if self._state is None:
            return None
        try:
            record: dict[str, Any] = json.loads(self._state.read_text())
        except (OSError, ValueError):
            return None
        return record if record["key"] == self._key() and record["files"] == self._files() else None

    def _key(self) -> str:
        content = {
            "step": self.name,
            "parameters": dict(self._parameters),
            "inputs": [_listing(uri) for uri in self._inputs],
            "code": _code_digest(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    def _files(self) -> list[Any]:
        return [_listing(output.artifact.uri) for output in self._outputs]


def _listing(uri: str) -> list[list[Any]]:
    """Return name, size and version of the file, or of each file of the folder, at `uri`."""
    try:
        entries = storage.list_files(uri) or [storage.stat(uri)]
    except FileNotFoundError:
        return [[uri, None, None]]
    return [[entry.uri, entry.size, entry.version] for entry in entries if not Path(entry.uri).is_dir()]


@functools.cache
def _code_digest() -> str:
    """Return a digest of this package's source: a result of other code is not taken over."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
