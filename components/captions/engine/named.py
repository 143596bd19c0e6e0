"""What vocabularies and filters have in common: an account's resources by name, and files of words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from brume import storage
from brume.aws import addresses
from brume.aws.engine import arns, lookup
from brume.aws.engine.errors import Errors
from brume.aws.engine.service import Call, ServiceError

BATCH = Errors("transcribe")
_MOST = 50 << 10  # bytes of a file of words, as in AWS


def bad(message: str) -> ServiceError:
    """Return the error of a request that cannot be used."""
    return BATCH("BadRequestException", message)


def check_name(name: str) -> str:
    """Return a name that is made; raises `ServiceError` for one that AWS would not take either."""
    if not re.fullmatch(r"[0-9a-zA-Z._-]{1,200}", name):
        raise bad(f"The name {name!r} must match the pattern ^[0-9a-zA-Z._-]+")
    return name


def refuse_encryption(request: Mapping[str, Any]) -> None:
    """Raise `ServiceError` for a request that wants its words encrypted by a key of KMS."""
    if request.get("EncryptionConfiguration"):
        raise bad("EncryptionConfiguration: not done by this server; encrypt the disk of its database")


def conflict(message: str) -> ServiceError:
    """Return the error of a name that is taken, or of a resource that is busy."""
    return BATCH("ConflictException", message)


def not_found(message: str) -> ServiceError:
    """Return the error of a resource that is not there."""
    return BATCH("NotFoundException", message)


@dataclass(frozen=True)
class Files:
    """The files that requests name: s3:// URIs, and local folders that stand for the start of some."""

    folders: Mapping[str, str]

    def locate(self, uri: str) -> str:
        """Return the path or URI of a file. S3's https addresses are understood. Raises `ServiceError`."""
        try:
            return addresses.locate(_as_s3(uri), self.folders)
        except addresses.AddressError as error:
            raise bad(str(error)) from error

    def text(self, uri: str) -> str:
        """Return a file of words. Raises `ServiceError` that names the file."""
        place = self.locate(uri)
        try:
            if storage.stat(place).size > _MOST:
                raise bad(f"{uri} has more than {_MOST} bytes")
            return storage.read_bytes(place).decode("utf-8")
        except FileNotFoundError as error:
            raise bad(f"{uri} is not there") from error
        except UnicodeDecodeError as error:
            raise bad(f"{uri} is not UTF-8: byte {error.start}") from error
        except (storage.StorageError, OSError) as error:
            raise BATCH("InternalFailureException", f"{uri} cannot be read: {error}") from error


def _as_s3(uri: str) -> str:
    """Return the s3:// form of `https://s3.REGION.amazonaws.com/BUCKET/KEY` and of `https://BUCKET.s3...`."""
    if not uri.startswith(("https://", "http://")):
        return uri
    host, _, path = uri.partition("://")[2].partition("/")
    if host.startswith(("s3.", "s3-")):
        return f"s3://{path}"
    bucket, found, _ = host.partition(".s3")
    return f"s3://{bucket}/{path}" if found else uri


def key(call: Call, name: str) -> dict[str, str]:
    """Return the primary key of a caller's resource."""
    return {"account": call.account, "region": call.region, "name": name}


def row(db: Connection, table: Table, call: Call, name: str, what: str) -> Row[Any]:
    """Return a caller's resource; `what` says what it is in the error when it is not there."""
    absent = not_found(f"The {what} {name} is not there")
    return lookup.one(db, select(table).filter_by(**key(call, name)), absent)


def arn(call: Call, kind: str, name: str) -> str:
    """Return the ARN of a resource; kinds are vocabulary, vocabulary-filter, transcription-job."""
    return str(arns.Arn("transcribe", call.region, call.account, (kind, name)))
