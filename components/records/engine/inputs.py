"""The files that an s3:// address of a request names: one file, or all below a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brume import storage
from brume.aws.addresses import locate


@dataclass(frozen=True)
class Source:
    """A file: its address as the caller knows it, where it is read, its size in bytes and its version."""

    address: str
    place: str
    size: int
    version: str


def files(address: str, folders: Mapping[str, str]) -> list[Source]:
    """Return the files at an address and below it, by address; those that begin with a dot are left out.

    `folders` are the local folders that stand for the start of some addresses. Raises `AddressError`,
    `OSError` and `storage.StorageError`.
    """
    place = locate(address, folders)
    if not address.endswith("/") and (single := _single(place)):
        return [Source(address, place, single.size, single.version)]
    base, prefix = place.rstrip("/") + "/", address.rstrip("/") + "/"
    return [
        Source(prefix + entry.uri.removeprefix(base), entry.uri, entry.size, entry.version)
        for entry in storage.list_files(place)
        if not storage.name_of(entry.uri).startswith(".")
    ]


def _single(place: str) -> storage.Entry | None:
    if not storage.is_remote(place) and not Path(place).is_file():
        return None
    try:
        return storage.stat(place)
    except FileNotFoundError:
        return None
