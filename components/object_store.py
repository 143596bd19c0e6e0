"""Requests to an object store: their errors, the types of objects, and streams that are not cut short."""

from __future__ import annotations

import io
import mimetypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from brume.aws.client import client

_ATTEMPTS = 6  # tries in a row without a byte of progress before a read is given up
_UNKNOWN_TYPE = "application/octet-stream"
_MEDIA_TYPES = {  # that a system's own table may lack
    ".epub": "application/epub+zip",
    ".js": "text/javascript",
    ".jsonl": "application/jsonl",
    ".mp3": "audio/mpeg",
    ".opus": "audio/ogg",
    ".vtt": "text/vtt",
}
_T = TypeVar("_T")


class StorageError(RuntimeError):
    """A file that cannot be read or written; the message names it and the cause."""


def media_type(uri: str) -> str:
    """Return the media type of a file by its name: a browser that reads a bucket goes by it."""
    return _MEDIA_TYPES.get(Path(uri).suffix.lower()) or mimetypes.guess_type(uri)[0] or _UNKNOWN_TYPE


def split(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an address. Raises `StorageError` where it names no bucket."""
    bucket, _, key = uri.split("://", 1)[1].partition("/")
    if not bucket:
        raise StorageError(f"{uri} names no bucket: write s3://BUCKET/KEY")
    return bucket, key


def ask(uri: str, call: Callable[[], _T]) -> _T:
    """Return what a call of S3 returns. Raises `FileNotFoundError` and `StorageError`, which name `uri`."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("404", "NoSuchKey", "NoSuchBucket", "NotFound"):
            raise FileNotFoundError(f"{uri} is not there ({code})") from error
        raise StorageError(f"{uri}: the object store answered {code}: {error}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise StorageError(
            f"{uri}: {error}. Check AWS_ENDPOINT_URL_S3, the credentials and the network."
        ) from error


class ObjectStream(io.RawIOBase):
    """The bytes of one object, in order, over as many connections as it takes."""

    def __init__(self, uri: str, size: int, version: str) -> None:
        """`size` is in bytes; `version` is the object's ETag, and no other version is read."""
        self._uri, self._size, self._version = uri, size, version
        self._bucket, self._key = split(uri)
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer`; returns the number of bytes, 0 at the end. Raises `StorageError`."""
        from botocore.exceptions import ClientError, ConnectionError, HTTPClientError, IncompleteReadError
        from urllib3.exceptions import HTTPError

        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        for attempt in range(_ATTEMPTS):
            try:
                if self._body is None:
                    self._body = self._open()
                data = self._body.read(wanted)
                if data:
                    buffer[: len(data)] = data
                    self._position += len(data)
                    return len(data)
                cause: Exception | str = "the connection ended early"
            except (HTTPClientError, HTTPError, ConnectionError, IncompleteReadError, OSError) as error:
                cause = error
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code in ("PreconditionFailed", "412"):
                    raise StorageError(f"{self._uri} was replaced while it was being read") from error
                if code in ("NoSuchKey", "404", "AccessDenied", "403"):
                    raise StorageError(f"{self._uri}: the object store answered {code}") from error
                cause = error
            self._drop()
            time.sleep(min(0.1 * 2**attempt, 3.0))
        raise StorageError(
            f"{self._uri}: reading stopped at byte {self._position} of {self._size} "
            f"after {_ATTEMPTS} attempts: {cause}"
        )

    def _open(self) -> Any:
        answer = client("s3").get_object(
            Bucket=self._bucket,
            Key=self._key,
            Range=f"bytes={self._position}-",
            IfMatch=f'"{self._version}"',
        )
        return answer["Body"]

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()
