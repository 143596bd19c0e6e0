"""Where results go: s3:// addresses or the folders that stand for them, never the lake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from brume import storage
from brume.aws import addresses
from brume.aws.addresses import AddressError


class Outputs:
    """Writes results; `folders` maps the start of an address to the local folder that stands for it."""

    def __init__(self, folders: Mapping[str, str], lake: str, data: Path) -> None:
        """Raises `AddressError` for folders that are not there."""
        self._folders = addresses.check_folders(folders)
        self._kept = [str(data.resolve())]
        # minio:// is the same place as s3://, which is what addresses begin with.
        remote = storage.is_remote(lake)
        self._kept.append("s3://" + lake.split("://", 1)[1] if remote else str(Path(lake).resolve()))

    def place(self, address: str) -> str:
        """Return the local path or URI of a place for results. Raises `AddressError` for a forbidden one."""
        if any(part in (".", "..") for part in address.removeprefix("s3://").split("/")):
            raise AddressError(f"{address} leads through . or ..: write it in full")
        place = addresses.locate(address, self._folders)
        if any((place.rstrip("/") + "/").startswith(kept.rstrip("/") + "/") for kept in self._kept):
            raise AddressError(f"{address} lies where the tables are kept, which queries do not write to")
        return place

    def write(self, file: Path, address: str) -> None:
        """Copy a file to an address, whole or not. Raises `AddressError`, `StorageError`, `OSError`."""
        storage.upload(file, self.place(address))

    def is_empty(self, address: str) -> bool:
        """Return whether nothing lies below the folder of an address."""
        return not storage.list_files(self.place(address))
