"""Locations of addresses: the file of an `s3://` or `brume://` address, if it is allowed.

An address comes from a user, so it never becomes a path unchecked. `s3://` is read from the object store
unless the engine was started with a local folder for its beginning; then the file must lie in that folder
after `..` and links are followed. `brume://images/PROJECT/NAME` is a picture that the engine keeps itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brume import storage, variables
from brume.aws import addresses
from brume.aws.addresses import AddressError
from brume.cluster.compute import in_cluster
from brume.inspection.engine.settings import InspectionSettings
from brume.inspection.model.addresses import IMAGES

STORE = variables.names(InspectionSettings)["store"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class LocationError(ValueError):
    """An address that is not allowed; the message names it and what is allowed."""


@dataclass(frozen=True)
class Locations:
    """The folders that addresses stand for, and `root`, where models and images are kept.

    `root` is a local folder or an `s3://` URI; no user's address reaches it.
    """

    root: str
    folders: Mapping[str, str] = field(default_factory=dict)

    def locate(self, address: str, project: str = "") -> str:
        """Return the local path or `s3://` URI that `address` means, for the project of id `project`.

        Raises `LocationError` for an address that is not one, or leads out of where it may.
        """
        if address.startswith(IMAGES):
            owner, _, name = address.removeprefix(IMAGES).partition("/")
            if owner != project or not project or not _NAME.fullmatch(name):
                raise LocationError(f"{address} is no picture of this project")
            return self.image(project, name)
        try:
            location = addresses.locate(address, self.folders)
        except AddressError as error:
            raise LocationError(str(error)) from error
        if storage.is_remote(self.root) and location.startswith(self.root.rstrip("/") + "/"):
            raise LocationError(f"{address} is where the engine keeps its own files")
        return location

    def missing(self, address: str, project: str = "") -> str | None:
        """Return why a picture's address cannot be used, None when it can.

        A file on this machine has to be there; one in an object store is only checked when it is read.
        """
        try:
            location = self.locate(address, project)
        except LocationError as error:
            return str(error)
        if not storage.is_remote(location) and not Path(location).is_file():
            return f"{address} is not there"
        return None

    def models(self, project: str) -> str:
        """Return the folder of a project's models."""
        return storage.join(self.root, "models", project)

    def model(self, project: str, version: int) -> str:
        """Return the folder of a model's version: its request, bundle, and result."""
        return storage.join(self.models(project), str(version))

    def images(self, project: str) -> str:
        """Return the folder of the pictures that the engine keeps for a project."""
        return storage.join(self.root, "images", project)

    def image(self, project: str, name: str) -> str:
        """Return the file of a picture that the engine keeps. Raises `LocationError` for an unusable name."""
        if not _NAME.fullmatch(name):
            raise LocationError(
                f"{name!r} is no name for a picture: use letters, digits, dot, hyphen, underscore"
            )
        return storage.join(self.images(project), name)

    def own_address(self, project: str, name: str) -> str:
        """Return the `brume://` address of a picture that the engine keeps."""
        return f"{IMAGES}{project}/{name}"

    def to_json(self) -> dict[str, Any]:
        """Return what another process needs to find the same files."""
        return {"root": self.root, "folders": dict(self.folders)}


def open_locations(data: Path, folders: Mapping[str, str], store: str = "") -> Locations:
    """Return the locations of an engine: below `store` (an `s3://` prefix) or, without it, `data`.

    Raises `LocationError` when the folders are not there, or when other pods could not reach the files.
    """
    root = store or str(data.absolute())
    if in_cluster() and not storage.is_remote(root):
        raise LocationError(
            f"on a cluster, training and hosting run in pods of their own, which do not see {root}: "
            f"set {STORE} to an s3:// prefix"
        )
    try:
        return Locations(root.rstrip("/"), addresses.check_folders(folders))
    except AddressError as error:
        raise LocationError(str(error)) from error
