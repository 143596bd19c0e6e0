"""Names of a file: the address that a service is given, and the place where a step finds it.

The service knows files as `s3://BUCKET/KEY`. In a local run folders of this machine stand for buckets: the
environment variable BRUME_FOLDERS holds `{"s3://BUCKET/PREFIX/": "/folder/"}`, the same mapping that the
engine was started with. Kubeflow Pipelines' own `minio://` is an S3 address too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from brume import storage, variables
from brume.variables import variable


@dataclass(frozen=True)
class FolderSettings:
    """Where programs find the files that an engine knows by s3:// addresses."""

    folders: str = variable(
        "BRUME_FOLDERS",
        "",
        'JSON: the local folders of addresses, {"s3://BUCKET/PREFIX/": "/folder/"}',
    )


FOLDERS = variables.names(FolderSettings)["folders"]


class AddressError(ValueError):
    """A file that the service has no address for; the message says how to give it one."""


def folders() -> dict[str, str]:
    """Return which address prefix stands for which local folder."""
    return dict(json.loads(variables.read(FolderSettings).folders or "{}"))


def for_service(uri: str) -> str:
    """Return the `s3://` address of a local path or remote URI.

    Raises `AddressError` for a local path that lies in none of the folders.
    """
    if storage.is_remote(uri):
        return "s3://" + uri.split("://", 1)[1]
    path = Path(uri).absolute()
    for prefix, folder in folders().items():
        if path.is_relative_to(folder):
            return storage.join(prefix, path.relative_to(folder).as_posix())
    raise AddressError(
        f"the service has no address for {path}: use files in s3://, or start its engine with "
        f"--folder s3://NAME/=FOLDER and set {FOLDERS} to the same mapping as JSON"
    )


def for_step(address: str) -> str:
    """Return the local path, or else the `s3://` URI, of what the service calls `address`."""
    for prefix, folder in folders().items():
        if address.startswith(prefix):
            return storage.join(folder, address.removeprefix(prefix))
    return address


def location(uri: str) -> dict[str, str]:
    """Return a folder as the service's S3Location: its Bucket and its Prefix, which ends in a slash."""
    bucket, _, key = for_service(uri).removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Prefix": key.rstrip("/") + "/"}


def locate(address: str, mapping: Mapping[str, str]) -> str:
    """Return the local path or `s3://` URI of an address: a user's own word, never a path unchecked.

    Where a folder of `mapping` (prefix -> folder) stands for its beginning, the file has to lie in that
    folder after `..` and links are followed. Raises `AddressError` for what is no address, or leads out.
    """
    if "\0" in address or len(address) > 1100:
        raise AddressError("the address holds a zero byte, or is longer than 1,100 characters")
    if not address.startswith("s3://") or not address.removeprefix("s3://").partition("/")[0]:
        raise AddressError(f"{address} is no address of a file: it must be s3://BUCKET/KEY")
    fitting = [prefix for prefix in mapping if address.startswith(_with_slash(prefix))]
    if not fitting:
        return address
    prefix = max(fitting, key=len)
    base = Path(mapping[prefix]).resolve()
    try:
        path = (base / address.removeprefix(_with_slash(prefix)).lstrip("/")).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, say
        raise AddressError(f"{address} cannot be followed: {error}") from error
    if not path.is_relative_to(base):
        raise AddressError(f"{address} leads out of the folder that stands for it")
    return str(path)


def check_folders(mapping: Mapping[str, str]) -> dict[str, str]:
    """Return a mapping with absolute paths of its folders. Raises `AddressError` for an unfit one."""
    for prefix, folder in mapping.items():
        if not prefix.startswith("s3://"):
            raise AddressError(f"{prefix}={folder}: what a folder stands for must begin with s3://")
        if not Path(folder).is_dir():
            raise AddressError(f"{prefix}={folder}: {folder} is no folder")
    return {prefix: str(Path(folder).absolute()) for prefix, folder in mapping.items()}


def _with_slash(prefix: str) -> str:
    return prefix.rstrip("/") + "/"  # whole names only: s3://bucket/a does not stand for s3://bucket/ab
