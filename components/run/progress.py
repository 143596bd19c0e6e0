"""How far a long piece of work has come: for the live view of a local run, or for a pod's log."""

from __future__ import annotations

import json
import os
import time

from brume import variables
from brume.run.settings import RunSettings

PROGRESS_FILE = variables.names(RunSettings)["progress"]

part = ""  # the member of a loop that this process works on; part of each report
_last_line: dict[str, float] = {}
_SECONDS_BETWEEN_LINES = 10.0


def report(stage: str, done: int, total: int, note: str = "", *, milestone: bool = False) -> None:
    """Say that `done` of `total` units of `stage` are finished.

    With the environment variable BRUME_PROGRESS a JSON line is appended to that file, which the local
    run shows as a bar; without it a plain line is printed, at most every ten seconds and at the end. A
    `milestone`, the end of an epoch perhaps, is printed in both cases: the log of a run keeps its figures.
    """
    now = time.monotonic()
    record = {"stage": stage, "done": done, "total": total, "note": note, "part": part}
    shown = _append({**record, "milestone": milestone})
    last = _last_line.get(stage, -_SECONDS_BETWEEN_LINES)
    if milestone or (not shown and (done >= total or now - last >= _SECONDS_BETWEEN_LINES)):
        _last_line[stage] = now
        print(f"{stage}: {done}/{total} {note}".rstrip(), flush=True)


def step(name: str, event: str, note: str = "") -> None:
    """Say that a step `started`, `finished`, `failed` (`note` says why), or was `reused` as it stood."""
    if not _append({"step": name, "event": event, "time": time.time(), "note": note}):
        print(f"step {name} {event} {note}".rstrip(), flush=True)


def _append(record: dict[str, object]) -> bool:
    path = variables.read(RunSettings).progress
    if not path:
        return False
    # One write to a file opened for appending: lines of several processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(record) + "\n").encode())
    finally:
        os.close(descriptor)
    return True
