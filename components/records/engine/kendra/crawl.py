"""What an S3 data source finds: documents, their metadata and their lists of access.

Formats: Kendra's developer guide, "S3 document metadata" and "Access control for S3 data sources".
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from brume import storage
from brume.aws import addresses
from brume.records.engine.kendra import fields, metadata
from brume.records.engine.kendra.content import kind_of
from brume.records.engine.kendra.metadata import MetadataError

_METADATA = ".metadata.json"


class CrawlError(RuntimeError):
    """A bucket, or a file of access lists, that cannot be read: nothing may be deleted."""


@dataclass(frozen=True)
class Item:
    """A document that was found; its version changes with it, its metadata and its access."""

    id: str
    version: str
    given: Mapping[str, Any]
    failure: str = ""


def crawl(
    configuration: Mapping[str, Any], known: fields.Fields, folders: Mapping[str, str]
) -> Iterator[Item]:
    """Yield the documents of a bucket; one with bad metadata says so. Raises `CrawlError`."""
    bucket = configuration["BucketName"]
    meta = (configuration.get("DocumentsMetadataConfiguration") or {}).get("S3Prefix", "")
    key_path = (configuration.get("AccessControlListConfiguration") or {}).get("KeyPath", "")
    try:
        root = addresses.locate(f"s3://{bucket}/", folders)
        files = {entry.uri.removeprefix(root).lstrip("/"): entry for entry in storage.list_files(root)}
        rules = _access_rules(storage.read_bytes(files[key_path].uri)) if key_path in files else {}
    except (addresses.AddressError, storage.StorageError, OSError) as error:
        raise CrawlError(f"s3://{bucket} cannot be read: {error}") from error
    if key_path and key_path not in files:
        raise CrawlError(f"s3://{bucket}/{key_path}: the file of access lists is not there")
    for key, entry in sorted(files.items()):
        if key == key_path or key.endswith(_METADATA) or not _included(key, configuration):
            continue
        uri = f"s3://{bucket}/{key}"
        access = rules.get(max((one for one in rules if uri.startswith(one)), key=len, default=""), [])
        given: dict[str, Any] = {"title": "", "attributes": {}, "access": [access] if access else []}
        given |= {"s3": uri, "kind": kind_of(key)}
        beside = f"{meta.rstrip('/') + '/' if meta else ''}{key}{_METADATA}"
        version = [entry.version, files[beside].version if beside in files else "", access]
        identity, failure = uri, ""
        if beside in files:
            try:
                identity, given = _with_metadata(uri, given, storage.read_bytes(files[beside].uri), known)
            except MetadataError as error:
                failure = f"s3://{bucket}/{beside}: {error}"
            except (storage.StorageError, OSError) as error:
                raise CrawlError(f"s3://{bucket}/{beside} cannot be read: {error}") from error
        yield Item(identity, hashlib.sha256(json.dumps(version).encode()).hexdigest(), given, failure)


def _included(key: str, configuration: Mapping[str, Any]) -> bool:
    prefixes = configuration.get("InclusionPrefixes") or []
    inside = configuration.get("InclusionPatterns") or []
    outside = configuration.get("ExclusionPatterns") or []
    return (
        (not prefixes or key.startswith(tuple(prefixes)))
        and (not inside or any(fnmatch.fnmatchcase(key, pattern) for pattern in inside))
        and not any(fnmatch.fnmatchcase(key, pattern) for pattern in outside)
    )


def _with_metadata(
    uri: str, given: Mapping[str, Any], data: bytes, known: fields.Fields
) -> tuple[str, dict[str, Any]]:
    """Return id and what is kept of a document with its metadata. Raises `MetadataError`."""
    try:
        about = json.loads(data)
    except ValueError as error:
        raise MetadataError("it is no JSON") from error
    if not isinstance(about, dict):
        raise MetadataError("it is no object")
    attributes = about.get("Attributes") or {}
    if not isinstance(attributes, dict):
        raise MetadataError("Attributes is no object")
    values = {name: metadata.value(name, value, known) for name, value in attributes.items()}
    made = {**given, "attributes": fields.kept(values)}
    for member, name in (("Title", "title"), ("ContentType", "kind")):
        if member in about:
            made[name] = metadata.text(member, about[member])
    if about.get("AccessControlList"):
        made["access"] = [*given["access"], metadata.grants(about["AccessControlList"])]
    return metadata.text("DocumentId", about.get("DocumentId") or uri), made


def _access_rules(data: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return the lists of access by the start of addresses. Raises `CrawlError`."""
    try:
        rules = json.loads(data)
        return {rule["keyPrefix"]: metadata.grants(rule["aclEntries"]) for rule in rules}
    except (ValueError, TypeError, KeyError) as error:
        raise CrawlError(
            "the file of access lists is not of the form "
            f'[{{"keyPrefix": "s3://...", "aclEntries": [...]}}]: {error}'
        ) from error
