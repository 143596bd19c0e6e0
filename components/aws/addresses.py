"""One file, two names: the address that the service is given, and the place where a step finds it.

The service knows files as `s3://BUCKET/KEY`. In a local run folders of this machine stand for buckets: the
environment variable BRUME_FOLDERS holds `{"s3://BUCKET/PREFIX/": "/folder/"}`, the same mapping that the
engine was started with. Kubeflow Pipelines' own `minio://` is an S3 address too.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from components import storage

FOLDERS = "BRUME_FOLDERS"


class AddressError(ValueError):
    """A file that the service has no address for; the message says how to give it one."""


def folders() -> dict[str, str]:
    """Return which address prefix stands for which local folder."""
    return dict(json.loads(os.environ.get(FOLDERS) or "{}"))


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
