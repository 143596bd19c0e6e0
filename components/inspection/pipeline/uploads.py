"""Preparing pictures and manifests for upload: labels, content types and parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LABELS = {"normal": False, "anomaly": True}
_PART = 4 << 20  # bytes of one update of a dataset; the service takes 10 MiB


def content_type(data: bytes) -> str:
    """Return the type of a picture by its first bytes."""
    return "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"


def label_of(name: str) -> bool | None:
    """Return whether a picture is anomalous, by the nearest folder called normal or anomaly in its name."""
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
