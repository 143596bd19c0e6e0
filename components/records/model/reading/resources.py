"""Check the objects of a file as FHIR resources: type, id, version, identifiers, urls of attachments."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from brume.records.model.attachments import attachment_urls
from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.references import URN

_BY_LOWER = {name.lower(): name for name in RESOURCE_TYPES}
_ID = re.compile(r"[^\s/\x00-\x1f]{1,256}")  # FHIR has 64 of [A-Za-z0-9.-]; servers have others too
_FRACTION = re.compile(r"(\.\d{6})\d+")
Json = Mapping[str, Any]


class NoResourceError(ValueError):
    """An object that is no resource; the message has no text of it, `remedy` what would mend it."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Take the reason and the remedy."""
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class Read:
    """A resource: `text` is its JSON, `repairs` say what was mended."""

    type: str
    id: str
    version: str
    updated: datetime | None
    text: str
    identifiers: tuple[tuple[str, str], ...]
    urls: tuple[str, ...]
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deletion:
    """A resource that is named as deleted; `time` is None where the export does not say when."""

    type: str
    id: str
    time: datetime | None


def resources(value: dict[str, Any], text: str, expected: str) -> Iterator[Read | Deletion | NoResourceError]:
    """Yield the resources of an object: itself, or the entries of a Bundle.

    `expected` is the type that the file's name states, "" where it states none. What cannot be used is
    yielded as an error, so that the other entries of a Bundle are not lost.
    """
    if value.get("resourceType") != "Bundle":
        yield _read(value, text, expected)
        return
    meta = value.get("meta")
    time = time_of(value.get("timestamp")) or time_of(
        meta.get("lastUpdated") if isinstance(meta, dict) else None
    )
    entries = value.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            yield NoResourceError("an entry of a Bundle is no object", "export the Bundle again")
            continue
        request = entry.get("request")
        resource = entry.get("resource")
        if isinstance(request, dict) and str(request.get("method")).upper() == "DELETE":
            yield _deletion(request.get("url"), time)
        elif isinstance(resource, dict):
            found = _read(resource, orjson.dumps(resource).decode(), "")
            full = entry.get("fullUrl")
            if isinstance(found, Read) and isinstance(full, str) and full.startswith("urn:"):
                found = replace(found, identifiers=(*found.identifiers, (URN, full)))
            yield found


def _deletion(url: Any, time: datetime | None) -> Deletion | NoResourceError:
    parts = url.strip("/").split("/") if isinstance(url, str) else []
    if len(parts) < 2 or parts[-2] not in RESOURCE_TYPES or not _ID.fullmatch(parts[-1]):
        return NoResourceError("a deletion names no resource", "write its url as TYPE/ID")
    return Deletion(parts[-2], parts[-1], time)


def _read(value: Json, text: str, expected: str) -> Read | NoResourceError:
    try:
        changes, repairs = _mended(value)
    except NoResourceError as error:
        return error
    if changes:
        value = {**value, **changes}
        text = orjson.dumps(value).decode()
    kind, meta = value["resourceType"], value.get("meta")
    if expected and kind != expected:
        repairs.append("a resource of another type than the file's name states")
    meta = meta if isinstance(meta, dict) else {}
    version = meta.get("versionId")
    return Read(
        kind,
        value["id"],
        version if isinstance(version, str) and version else _digest(value)[:16],
        time_of(meta.get("lastUpdated")),
        text,
        tuple(_identifiers(value)),
        tuple(attachment_urls(kind, value)),
        tuple(repairs),
    )


def _mended(value: Json) -> tuple[dict[str, str], list[str]]:
    """Return what has to be changed in a resource, and what that mends. Raises `NoResourceError`."""
    changes, repairs = {}, []
    kind, identity = value.get("resourceType"), value.get("id")
    if not isinstance(kind, str):
        raise NoResourceError("the object has no resourceType", "leave out what is no resource")
    if kind not in RESOURCE_TYPES:
        if kind.strip().lower() not in _BY_LOWER:
            raise NoResourceError("its resourceType is none of FHIR R4", "mend the resourceType")
        changes["resourceType"] = _BY_LOWER[kind.strip().lower()]
        repairs.append("a resourceType in other letters")
    if isinstance(identity, int) and not isinstance(identity, bool):
        changes["id"] = identity = str(identity)
        repairs.append("an id that is a number")
    elif identity is None:
        # The same content has the same id in every run.
        changes["id"] = identity = _digest({**value, **changes})[:32]
        repairs.append("a resource without an id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise NoResourceError(
            "its id is no text of up to 256 characters without spaces and slashes", "mend the id"
        )
    return changes, repairs


def _digest(value: Json) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _identifiers(value: Json) -> Iterator[tuple[str, str]]:
    given = value.get("identifier")
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, dict) and isinstance(one.get("value"), str):
            system = one.get("system")
            yield system if isinstance(system, str) else "", one["value"]


def time_of(text: Any) -> datetime | None:
    """Return a FHIR instant in UTC, None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(_FRACTION.sub(r"\1", text.strip()))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
