"""Local paths and `s3://` URIs behind one small interface.

A URI is a local path, `s3://bucket/key`, or `minio://bucket/key` (what Kubeflow Pipelines calls its own
S3 server; it is reached through the same client, whose endpoint is configuration). Every listing reads all
pages, every write is whole or absent, and a stream whose connection is cut goes on at the byte it reached.
A file that several processes change is read and written by its version (`read_version`, `write_version`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import secrets
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, cast

from brume.aws.client import client
from brume.object_store import ObjectStream, ask, media_type, split
from brume.object_store import StorageError as StorageError

_REMOTE = ("s3://", "minio://")
_PAGE = 1 << 20
_MOST_KEYS = 1000  # of one DeleteObjects


class ReplacedError(StorageError):
    """A file is no longer the version that was read: someone else wrote it in between."""


@dataclass(frozen=True)
class Entry:
    """One file: its URI, its size in bytes, and a token that changes when its content does."""

    uri: str
    size: int
    version: str


def is_remote(uri: str) -> bool:
    """Return whether `uri` lies in an object store."""
    return uri.startswith(_REMOTE)


def join(uri: str, *parts: str) -> str:
    """Append path parts to a URI: `join("s3://b/x/", "y", "z")` is `s3://b/x/y/z`."""
    return "/".join([uri.rstrip("/") or "/", *(part.strip("/") for part in parts)])


def absolute(uri: str) -> str:
    """Return a local path from the root of the disk, and any other URI as it is."""
    return uri if is_remote(uri) else str(Path(uri).absolute())


def name_of(uri: str) -> str:
    """Return the last part of a URI."""
    return uri.rstrip("/").rsplit("/", 1)[-1]


def exists(uri: str) -> bool:
    """Return whether a file or a non-empty folder lies at `uri`."""
    if not is_remote(uri):
        return Path(uri).exists()
    try:
        stat(uri)
    except FileNotFoundError:
        bucket, key = split(uri)
        folder = key.rstrip("/") + "/" if key else ""
        return bool(
            ask(uri, lambda: client("s3").list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=1)).get(
                "Contents"
            )
        )
    return True


def stat(uri: str) -> Entry:
    """Return size and version of one file. Raises `FileNotFoundError` when it is not there."""
    if not is_remote(uri):
        info = Path(uri).stat()
        return Entry(uri, info.st_size, f"{info.st_mtime_ns}")
    bucket, key = split(uri)
    if not key:
        raise FileNotFoundError(f"{uri} names a bucket, not a file")
    head = ask(uri, lambda: client("s3").head_object(Bucket=bucket, Key=key))
    return Entry(uri, int(head["ContentLength"]), str(head["ETag"]).strip('"'))


def list_files(uri: str) -> list[Entry]:
    """List every file below a folder, however deep, sorted by URI; an absent folder has none.

    Links to folders are followed, each folder once: links in a circle come to an end.
    S3 answers at most 1,000 keys a page: all pages are read.
    """
    if not is_remote(uri):
        return sorted(_walk(Path(uri)), key=lambda entry: entry.uri)
    bucket, key = split(uri)
    prefix = key.rstrip("/") + "/" if key else ""
    scheme = uri.split("://", 1)[0]

    def pages() -> list[Entry]:
        return [
            Entry(f"{scheme}://{bucket}/{item['Key']}", int(item["Size"]), str(item["ETag"]).strip('"'))
            for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            for item in page.get("Contents", [])
            if not item["Key"].endswith("/")
        ]

    return sorted(ask(uri, pages), key=lambda entry: entry.uri)


def _walk(root: Path) -> Iterator[Entry]:
    """Yield the files below a folder; each folder once, under its own name before that of a link to it."""
    seen: set[tuple[int, int]] = set()
    waiting = deque([root])
    while waiting:
        for folder, inner, names in os.walk(waiting.popleft(), onerror=_unreadable):
            here = Path(folder).stat()
            if (here.st_dev, here.st_ino) in seen:
                inner.clear()
                continue
            seen.add((here.st_dev, here.st_ino))
            waiting.extend(path for name in sorted(inner) if (path := Path(folder, name)).is_symlink())
            for name in names:
                path = Path(folder, name)
                try:
                    info = path.stat()
                except OSError as error:
                    # Removed in this moment, or a link to nothing or to itself.
                    if error.errno in (errno.ENOENT, errno.ELOOP):
                        continue
                    raise
                if S_ISREG(info.st_mode):
                    yield Entry(str(path), info.st_size, f"{info.st_mtime_ns}")


def _unreadable(error: OSError) -> None:
    """Raise the error of a folder that is there and cannot be listed: it is not an empty one."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def read_bytes(uri: str) -> bytes:
    """Read a whole file into memory. Raises `FileNotFoundError` when it is not there."""
    with open_read(uri) as stream:
        return stream.read()


def open_read(uri: str) -> BinaryIO:
    """Open a file for reading from start to end, without a copy on disk. Raises `FileNotFoundError`.

    A remote stream that breaks is opened again at the byte it reached, of the same version of the object;
    after six failures in a row without a byte of progress it raises `StorageError`.
    """
    if not is_remote(uri):
        try:
            return Path(uri).open("rb")
        except IsADirectoryError:  # as in an object store, where a folder is no object
            raise FileNotFoundError(f"{uri} is a folder, not a file") from None
    entry = stat(uri)
    return cast(BinaryIO, io.BufferedReader(ObjectStream(uri, entry.size, entry.version), buffer_size=_PAGE))


def write_bytes(uri: str, data: bytes) -> None:
    """Write a file: under a temporary name and renamed, or as one PUT. It is whole or absent."""
    if is_remote(uri):
        bucket, key = split(uri)
        kind = media_type(uri)
        ask(uri, lambda: client("s3").put_object(Bucket=bucket, Key=key, Body=data, ContentType=kind))
        return
    with replacing(Path(uri)) as partial:
        partial.write_bytes(data)


def read_version(uri: str) -> tuple[bytes, str]:
    """Read a small file, and the version that `write_version` takes. Raises `FileNotFoundError`."""
    if not is_remote(uri):
        data = Path(uri).read_bytes()
        return data, hashlib.sha256(data).hexdigest()
    bucket, key = split(uri)

    def get() -> tuple[bytes, str]:
        answer = client("s3").get_object(Bucket=bucket, Key=key)
        return answer["Body"].read(), str(answer["ETag"])

    return ask(uri, get)


def write_version(uri: str, data: bytes, before: str) -> str:
    """Write a small file if it is still the version `before` ("": if it is not there); return its version.

    One of several writers gets through, the others raise `ReplacedError`: on a disk by a lock beside the
    file, in an object store by its conditional PUT. No two versions may have the same bytes.
    """
    if is_remote(uri):
        return _put_version(uri, data, before)
    path = Path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if before != (read_version(uri)[1] if path.exists() else ""):
            raise ReplacedError(f"{uri} was replaced since it was read")
        write_bytes(uri, data)
    return hashlib.sha256(data).hexdigest()


def _put_version(uri: str, data: bytes, before: str) -> str:
    bucket, key = split(uri)
    condition = {"IfMatch": before} if before else {"IfNoneMatch": "*"}
    condition["ContentType"] = media_type(uri)
    try:
        answer = ask(uri, lambda: client("s3").put_object(Bucket=bucket, Key=key, Body=data, **condition))
        return str(answer["ETag"])
    except (StorageError, FileNotFoundError) as error:
        code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", "")
        if code not in ("PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey"):
            raise
        # The first try may have got through and its answer been lost: then the second found our own bytes.
        if exists(uri) and (now := read_version(uri))[0] == data:
            return now[1]
        raise ReplacedError(f"{uri} was replaced since it was read") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, renamed to it when the block ends well, removed when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def fetch(uri: str, folder: Path) -> Path:
    """Return a local path of a file: itself when it is local, else downloaded whole into `folder`."""
    if not is_remote(uri):
        path = Path(uri)
        if not path.exists():
            raise FileNotFoundError(f"{uri} is not there")
        return path
    target = folder / name_of(uri)
    with replacing(target) as partial, open_read(uri) as source, partial.open("wb") as copy:
        shutil.copyfileobj(source, copy, _PAGE)
    return target


def upload(path: Path, uri: str) -> None:
    """Copy a local file or folder to `uri`; each file is whole or absent."""
    if path.is_dir():
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            upload(file, join(uri, file.relative_to(path).as_posix()))
    elif is_remote(uri):
        bucket, key = split(uri)
        kind = {"ContentType": media_type(uri)}
        ask(uri, lambda: client("s3").upload_file(str(path), bucket, key, ExtraArgs=kind))
    else:
        with replacing(Path(uri)) as partial:
            shutil.copyfile(path, partial)


def move(uri: str, target: str) -> None:
    """Give a file another name, on the same disk or in the same object store. Replaces what is there."""
    if not is_remote(uri):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        Path(uri).replace(target)
        return
    (bucket, key), (other_bucket, other_key) = split(uri), split(target)
    ask(uri, lambda: client("s3").copy({"Bucket": bucket, "Key": key}, other_bucket, other_key))
    remove(uri)


def remove(uri: str) -> None:
    """Remove a file, or a folder with all that lies below it; nothing to remove is no error."""
    if not is_remote(uri):
        path = Path(uri)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return
    bucket, key = split(uri)
    keys = [name for name in (key, *(split(entry.uri)[1] for entry in list_files(uri))) if name]
    for start in range(0, len(keys), _MOST_KEYS):
        _remove_objects(uri, bucket, keys[start : start + _MOST_KEYS])


def _remove_objects(uri: str, bucket: str, keys: list[str]) -> None:
    wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    answer = ask(uri, lambda: client("s3").delete_objects(Bucket=bucket, Delete=wanted))
    for failed in answer.get("Errors", []):
        raise StorageError(
            f"s3://{bucket}/{failed['Key']} cannot be removed: {failed['Code']}: {failed['Message']}"
        )
