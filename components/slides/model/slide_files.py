"""Slides of several files: MIRAX has a folder of data, DICOM the files of a series."""

from __future__ import annotations

from pathlib import Path

from brume import storage


def fetch(uri: str, folder: Path) -> Path:
    """Return a local path that OpenSlide can open: the slide's own, or a copy in `folder` with all its files.

    Raises `FileNotFoundError` when the slide is not in its folder, and `brume.storage.StorageError` when it
    cannot be reached: its object store does not answer, or the folder, a disk perhaps, is not there either.
    """
    try:
        return _fetch(uri, folder)
    except FileNotFoundError as error:
        parent = uri.rsplit("/", 1)[0] if "/" in uri else "."
        # The store of a bucket that exists answers for any of its keys; a bucket that does not is no folder.
        if storage.is_remote(uri):
            if not _has_bucket(uri):
                raise storage.StorageError(f"{uri}: its bucket is not there: check the address") from error
        elif not storage.exists(parent or "/"):
            raise storage.StorageError(f"{uri}: its folder is not there: is the disk mounted?") from error
        raise


def _has_bucket(uri: str) -> bool:
    """Return whether the bucket of a URI holds anything."""
    scheme, rest = uri.split("://", 1)
    try:
        return bool(storage.exists(f"{scheme}://{rest.split('/', 1)[0]}"))
    except FileNotFoundError:
        return False


def _fetch(uri: str, folder: Path) -> Path:
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
