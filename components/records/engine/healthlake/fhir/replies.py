"""Answers of FHIR's REST: resources with their version, bundles, outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import orjson

from brume.aws.engine.routes import Reply
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.engine.healthlake.store import Version, instant
from brume.records.model.fhir import exact_json
from brume.records.model.fhir.errors import Fault, FhirError, outcome

JSON = {"content-type": "application/fhir+json; charset=utf-8", "cache-control": "no-store"}
_ALWAYS = ("resourceType", "id", "meta")
_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def etag(version: Version) -> str:
    """Return the weak tag of a version."""
    return f'W/"{version.version}"'


def of_json(status: int, value: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
    """Return a resource as an answer."""
    return Reply(status, exact_json.dumps(value), {**JSON, **(headers or {})})


def of_error(error: FhirError) -> Reply:
    """Return a refusal."""
    return of_json(error.status, error.outcome())


def of_version(version: Version, status: int = 200) -> Reply:
    """Return a version, with its tag and time."""
    return Reply(status, version.text.encode(), {**JSON, **_headers(version)})


def of_change(access: Access, version: Version, status: int) -> Reply:
    """Return the answer to a change, with what the request prefers."""
    headers = {**_headers(version), "location": location(access, version)}
    preferred = access.returns("representation")
    if preferred == "minimal":
        return Reply(status, b"", headers)
    if preferred == "OperationOutcome":
        return of_json(status, done(version), headers)
    return Reply(status, version.text.encode(), {**JSON, **headers})


def done(version: Version) -> dict[str, Any]:
    """Return the outcome of a change."""
    return outcome(
        [Fault("informational", f"{version.type}/{version.id} has version {version.version}")], "information"
    )


def location(access: Access, version: Version) -> str:
    """Return the address of a version."""
    return f"{access.base}{version.type}/{version.id}/_history/{version.version}"


def response(access: Access, version: Version, status: int) -> dict[str, str]:
    """Return the part `response` of a bundle's entry."""
    found = {"status": f"{status} {HTTPStatus(status).phrase}", "etag": etag(version)}
    if not version.deleted:
        found["location"] = location(access, version)
    return {**found, "lastModified": instant(version.updated)}


def entry(access: Access, version: Version, mode: str = "", elements: Collection[str] = ()) -> dict[str, Any]:
    """Return a version as an entry of a bundle, of a search with `mode` (match, include).

    With `elements` the resource has these alone, beside its type, id and meta, and a tag that says so.
    """
    resource: Any = orjson.Fragment(version.text)
    if elements:
        whole = exact_json.loads(version.text)
        resource = {name: value for name, value in whole.items() if name in (*_ALWAYS, *elements)}
        tags = [*resource["meta"].get("tag", ()), _SUBSETTED]
        resource["meta"] = {**resource["meta"], "tag": tags}
    found = {"fullUrl": f"{access.base}{version.type}/{version.id}", "resource": resource}
    return {**found, "search": {"mode": mode}} if mode else found


def bundle(kind: str, entries: Iterable[Mapping[str, Any]], **members: Any) -> dict[str, Any]:
    """Return a Bundle; members that are None are left out, and so is an empty list of entries."""
    found = {"resourceType": "Bundle", "type": kind}
    found |= {name: value for name, value in members.items() if value is not None}
    listed = list(entries)
    return {**found, "entry": listed} if listed else found


def _headers(version: Version) -> dict[str, str]:
    return {"etag": etag(version), "last-modified": formatdate(version.updated, usegmt=True)}
