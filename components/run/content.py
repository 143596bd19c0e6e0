"""What lies at a URI, as far as a stage depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brume import storage

_LISTED_AT_ONCE = 8  # files of one remote folder that are asked for singly before the folder is listed


@dataclass(frozen=True)
class Counted:
    """Marks a URI, or a list of URIs, whose content counts.

    `files` names further files that it stands for, as a manifest does. `state` describes the content itself,
    in values that JSON holds, where not all that lies there counts.
    """

    files: Callable[[str], Iterable[str]] | None = None
    state: Callable[[str], Any] | None = None


def content(uri: str) -> list[list[Any]]:
    """Return name, size and version of the file, or of each file of the folder, at `uri`.

    The version of a local file is its times of change, of content and of place: no program sets the second.
    """
    try:
        entries = storage.list_files(uri) or [storage.stat(uri)]
    except FileNotFoundError:
        return [[uri, None, None]]
    return [_listed(entry) for entry in entries if storage.is_remote(entry.uri) or Path(entry.uri).is_file()]


def _listed(entry: storage.Entry) -> list[Any]:
    version = entry.version
    if not storage.is_remote(entry.uri):
        version += f" {Path(entry.uri).stat().st_ctime_ns}"
    return [entry.uri, entry.size, version]


def counted(mark: Counted, given: str | list[str]) -> list[Any]:
    """Return the content of what an argument names, and of the files that this stands for."""
    uris = [given] if isinstance(given, str) else given
    return [item for uri in uris if uri for item in _counted(mark, uri)]


def _counted(mark: Counted, uri: str) -> list[Any]:
    if mark.state:
        return [mark.state(uri)]
    listed: list[Any] = content(uri)
    further = sorted(set(mark.files(uri))) if mark.files else []
    folders: dict[str, list[str]] = {}
    for file in further:
        folders.setdefault(file.rpartition("/")[0], []).append(file)
    for folder, files in sorted(folders.items()):
        if storage.is_remote(folder) and len(files) > _LISTED_AT_ONCE:
            wanted = set(files)
            listed += [item for item in content(folder) if item[0] in wanted]
        else:
            for file in files:
                listed += content(file)
    return listed
