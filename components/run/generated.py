"""Folders that generators fill: whole or not at all, and taken over where they are right."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from brume import storage

_Truth = TypeVar("_Truth")


def filled(
    folder: Path,
    known: Callable[[Path], _Truth],
    same: Callable[[_Truth], bool],
    write: Callable[[Path], _Truth],
    *,
    what: str,
    files: tuple[str, ...],
) -> _Truth:
    """Fill a folder by `write`, and return what is true of it; one that is filled so already stays.

    `known` reads the truth of a filled folder and raises `ValueError`, `TypeError` or `KeyError` for that of
    an older generator; `same` is whether it was made with the same arguments by the same code. Another one is
    replaced. Raises `FileExistsError` for a folder without `files`, which holds something else than `what`.
    """
    if folder.exists() and any(folder.iterdir()):
        if not all((folder / name).exists() for name in files):
            raise FileExistsError(
                f"{folder} holds files that are no generated {what}: name a new or an empty folder"
            )
        try:
            truth = known(folder)
        except (ValueError, TypeError, KeyError):
            pass
        else:
            if same(truth):
                return truth
    with storage.replacing(folder) as partial:
        truth = write(partial)
        if folder.exists():
            shutil.rmtree(folder)
        return truth


def digest_of(package: str) -> str:
    """Return a digest of the modules beside a file, such as a generator's `__file__`."""
    digest = hashlib.sha256()
    for path in sorted(Path(package).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
