"""What whoever asks the service needs, the pipeline and the command alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LABELS = {"normal": False, "anomaly": True}
_SECONDS = 1.0  # between looks
_PART = 4 << 20  # bytes of one update of a dataset; the service takes 10 MiB


class AskingError(RuntimeError):
    """Something that cannot be done; the message says what, why, and what to do."""


def content_type(data: bytes) -> str:
    """Return the type of a picture by its first bytes."""
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"


def label_of(name: str) -> bool | None:
    """Tell whether a picture is anomalous, by the nearest folder in its name called normal or anomaly."""
    around = [part.lower() for part in Path(name).parts[:-1]]
    return next((LABELS[part] for part in reversed(around) if part in LABELS), None)


def parts(manifest: bytes) -> Iterator[bytes]:
    """Yield the lines of a manifest in parts that UpdateDatasetEntries takes."""
    part: list[bytes] = []
    size = 0
    for line in manifest.splitlines(keepends=True):
        if part and size + len(line) > _PART:
            yield b"".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield b"".join(part)


def wait(
    what: str,
    look: Callable[[], dict[str, Any]],
    wanted: tuple[str, ...],
    minutes: float,
    tell: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Look until Status is a wanted one; returns the last look.

    Raises `AskingError`, with the service's message, in any other state that does not pass by itself, and
    after `minutes`.
    """
    until = time.monotonic() + 60 * minutes
    while True:
        found = look()
        state, message = found["Status"], found.get("StatusMessage", "")
        if state in wanted:
            return found
        if not state.endswith(("IN_PROGRESS", "ING", "CREATED")):
            raise AskingError(f"{what} is {state}" + (f": {message}" if message else ""))
        if time.monotonic() > until:
            raise AskingError(
                f"{what} is still {state} after {minutes:g} minutes; it goes on: ask again later"
            )
        tell(message or state)
        time.sleep(_SECONDS)
