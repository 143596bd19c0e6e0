"""Changes of resources: create, update and delete, also by a search, with their preconditions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from brume.records.engine.healthlake import store
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.engine.healthlake.fhir.search import first
from brume.records.engine.healthlake.store import Version, Writing
from brume.records.model.fhir import checks, query
from brume.records.model.fhir.errors import refused

_TAG = re.compile(r'(?:W/)?"(\d{1,9})"')


@dataclass(frozen=True)
class Change:
    """What is to be done: `resource` is to be written as TYPE/ID, or `found` is there already.

    `exists` is whether a version is there that is no deletion. Without both TYPE/ID is to be deleted.
    """

    type: str
    id: str
    resource: Mapping[str, Any] | None = None
    found: Version | None = None
    exists: bool = False

    @property
    def status(self) -> int:
        """The status of HTTP when it is done."""
        if self.found is not None:
            return 200
        if self.resource is None:
            return 204
        return 200 if self.exists else 201


def creation(
    writing: Writing, access: Access, kind: str, resource: Mapping[str, Any], headers: Mapping[str, str]
) -> Change:
    """Return the creation of a resource under a new id, unless If-None-Exist finds it. Raises `FhirError`."""
    condition = headers.get("if-none-exist")
    if condition is not None:
        matches = _matches(writing, access, kind, condition.removeprefix("?"))
        if matches:
            return Change(kind, matches[0].id, found=matches[0])
    identity = str(uuid.uuid4())
    return Change(kind, identity, {**resource, "id": identity})


def replacement(
    writing: Writing,
    access: Access,
    kind: str,
    identity: str,
    resource: Mapping[str, Any],
    headers: Mapping[str, str],
) -> Change:
    """Return the update of TYPE/ID, which makes it where it is not there. Raises `FhirError`."""
    checks.require_id(identity)
    if resource.get("id") != identity:
        raise refused(400, "value", "id: it is not that of the address", f"{kind}.id")
    exists = _require_version(writing, access, kind, identity, headers)
    return Change(kind, identity, resource, exists=exists)


def replacement_by_search(
    writing: Writing,
    access: Access,
    kind: str,
    condition: str,
    resource: Mapping[str, Any],
    headers: Mapping[str, str],
) -> Change:
    """Return the update of what a search finds, or a creation where it finds nothing. Raises `FhirError`."""
    matches = _matches(writing, access, kind, condition)
    given = resource.get("id")
    if not matches:
        identity = str(given or uuid.uuid4())
        if given and store.read(writing.db, access.datastore, kind, identity, access.patients):
            raise refused(412, "conflict", "the search finds nothing, and the id is another resource's")
        return Change(kind, identity, {**resource, "id": identity})
    identity = matches[0].id
    if given not in (None, identity):
        raise refused(400, "value", "id: it is not that of the resource that the search finds", f"{kind}.id")
    _require_version(writing, access, kind, identity, headers)
    return Change(kind, identity, {**resource, "id": identity}, exists=True)


def removal(writing: Writing, access: Access, kind: str, identity: str, headers: Mapping[str, str]) -> Change:
    """Return the deletion of TYPE/ID, which may not be there. Raises `FhirError`."""
    checks.require_id(identity)
    exists = _require_version(writing, access, kind, identity, headers)
    return Change(kind, identity, exists=exists)


def removal_by_search(writing: Writing, access: Access, kind: str, condition: str) -> Change:
    """Return the deletion of the one resource that a search finds. Raises `FhirError` (404, 412)."""
    matches = _matches(writing, access, kind, condition)
    if not matches:
        raise refused(404, "not-found", f"the search finds no {kind}")
    return Change(kind, matches[0].id, exists=True)


def apply(writing: Writing, change: Change) -> Version | None:
    """Do a change; returns the version that is current then, None where there was nothing to delete."""
    if change.found is not None:
        return change.found
    if change.resource is None:
        return writing.delete(change.type, change.id)
    return writing.put(change.resource)


def _matches(writing: Writing, access: Access, kind: str, condition: str) -> list[Version]:
    """Return what a condition finds, one at most. Raises `FhirError` (400, 412)."""
    wanted = query.read(kind, parse_qsl(condition, keep_blank_values=True))
    if not wanted.criteria:
        raise refused(
            412, "required", "a condition needs a search parameter, such as identifier=SYSTEM|VALUE"
        )
    found = first(writing.db, access, wanted, 2)
    if len(found) > 1:
        raise refused(412, "multiple-matches", f"the condition finds more than one {kind}")
    return found


def _require_version(
    writing: Writing, access: Access, kind: str, identity: str, headers: Mapping[str, str]
) -> bool:
    """Return whether a resource is there. Raises `FhirError` (412) where If-Match names another version."""
    before = store.read(writing.db, access.datastore, kind, identity, access.patients)
    exists = before is not None and not before.deleted
    wanted = headers.get("if-match")
    if wanted is not None and wanted.strip() != "*":
        match = _TAG.fullmatch(wanted.strip())
        if match is None:
            raise refused(400, "value", 'If-Match is a tag of a version, such as W/"3"')
        if not exists or before is None or before.version != int(match[1]):
            raise refused(412, "conflict", "If-Match: the resource has another version: read it again")
    if headers.get("if-none-match", "").strip() == "*" and exists:
        raise refused(412, "conflict", "If-None-Match: the resource is there already")
    return exists
