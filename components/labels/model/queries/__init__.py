"""The standing queries: those of the original unchanged, and those that teams ask for."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Query:
    """One query in Athena's SQL; `line` describes it, `original`: taken from the original."""

    name: str
    line: str
    sql: str
    original: bool


_ORIGINAL = {
    "original_worker_tasks": "The original's tasks of each worker, as it stood.",
    "original_labels": "The original's labels with their attributes, as it stood.",
    "original_frames": "The original's frames with their attributes, as it stood.",
}


@functools.cache
def named() -> dict[str, Query]:
    """Return the queries by name; those of the original come first."""
    files = sorted(Path(__file__).parent.glob("*.sql"))
    found = {path.stem: path.read_text(encoding="utf-8") for path in files}
    own = {
        name: text.partition("\n")[0].removeprefix("-- ")
        for name, text in found.items()
        if name not in _ORIGINAL
    }
    return {
        name: Query(name, line, found[name], name in _ORIGINAL) for name, line in (_ORIGINAL | own).items()
    }
