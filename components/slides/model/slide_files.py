"""Slides of several files: MIRAX keeps its data in a folder beside it, DICOM in the files of a series."""

from __future__ import annotations

from pathlib import Path

from brume import storage


def fetch(uri: str, folder: Path) -> Path:
    """Return a local path that OpenSlide can open: the slide's own, or a copy in `folder` with all its files.

    Raises `FileNotFoundError` when the slide is not there, `brume.storage.StorageError` when it cannot
    be read.
    """
    parent, name = uri.rsplit("/", 1) if "/" in uri else ("", uri)
    if storage.is_remote(uri):
        if name.lower().endswith(".mrxs"):
            data = storage.join(parent, name[: -len(".mrxs")])
            for entry in storage.list_files(data):
                storage.fetch(entry.uri, folder / name[: -len(".mrxs")])
        elif name.lower().endswith(".dcm"):
            for entry in storage.list_files(parent):
                if entry.uri.rsplit("/", 1)[0] == parent and entry.uri.lower().endswith(".dcm"):
                    storage.fetch(entry.uri, folder)
    return storage.fetch(uri, folder)
