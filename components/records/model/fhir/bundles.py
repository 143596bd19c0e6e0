"""Bundles that are sent: their entries in the order that they are done in, and their references.

Source: hl7.org/fhir/R4/http.html, 3.1.0.11 (transaction and batch).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from brume.records.model.fhir.checks import ID
from brume.records.model.fhir.errors import Fault, FhirError, refused
from brume.records.model.fhir_types import RESOURCE_TYPES

MOST = 5000  # entries
ORDER = ("DELETE", "POST", "PUT", "GET")
"""The order in which a transaction does its entries."""
_NAMING = re.compile(r"reference|url|uri|value(Uri|Url|Uuid|Oid|Canonical)")
_LITERAL = re.compile(r"(?:.*/)?([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[^/]+)?")


@dataclass(frozen=True)
class Entry:
    """One request of a bundle; `number` is its place, `path` and `query` are those of request.url."""

    number: int
    method: str
    path: tuple[str, ...]
    query: str
    resource: Mapping[str, Any] | None
    full_url: str
    headers: Mapping[str, str]

    @property
    def at(self) -> str:
        """The FHIRPath of the entry."""
        return f"Bundle.entry[{self.number}]"


def entries(bundle: Mapping[str, Any]) -> tuple[str, list[Entry]]:
    """Return whether a bundle is a "transaction" or a "batch", and its entries. Raises `FhirError` (400).

    An entry of a batch that is wrong is an error of the whole: nothing has been done yet.
    """
    if bundle.get("resourceType") != "Bundle":
        raise refused(400, "structure", "send a Bundle here, or a resource to its type", "resourceType")
    kind = bundle.get("type")
    if kind not in ("transaction", "batch"):
        raise refused(400, "value", "type: a transaction or a batch is taken here", "Bundle.type")
    listed = bundle.get("entry", [])
    if not isinstance(listed, list) or len(listed) > MOST:
        raise refused(400, "too-costly", f"entry: a list of at most {MOST} is taken", "Bundle.entry")
    found: list[Entry] = []
    faults: list[Fault] = []
    for number, one in enumerate(listed):
        try:
            found.append(_entry(number, one))
        except FhirError as error:
            faults += error.faults
    if faults:
        raise FhirError(400, faults)
    return kind, found


def _entry(number: int, one: Any) -> Entry:
    at = f"Bundle.entry[{number}]"
    request = one.get("request") if isinstance(one, Mapping) else None
    if not isinstance(request, Mapping):
        raise refused(400, "structure", "request: method and url are expected", f"{at}.request")
    method, url = request.get("method"), request.get("url")
    if method not in ORDER:
        raise refused(400, "not-supported", f"method: there are {', '.join(ORDER)}", f"{at}.request.method")
    path, _, query = url.partition("?") if isinstance(url, str) else ("", "", "")
    parts = tuple(unquote(part) for part in path.strip("/").split("/"))
    if parts[0] not in RESOURCE_TYPES or (len(parts) > 1 and method != "GET" and not ID.fullmatch(parts[1])):
        raise refused(400, "value", "url: TYPE or TYPE/ID, relative to the server", f"{at}.request.url")
    resource, full_url = one.get("resource"), one.get("fullUrl", "")
    if method in ("POST", "PUT") and not isinstance(resource, Mapping):
        raise refused(400, "structure", f"resource: {method} needs one", f"{at}.resource")
    headers = {
        header: value
        for header, name in (
            ("if-match", "ifMatch"),
            ("if-none-match", "ifNoneMatch"),
            ("if-none-exist", "ifNoneExist"),
        )
        if isinstance(value := request.get(name), str)
    }
    return Entry(
        number, method, parts, query, resource, full_url if isinstance(full_url, str) else "", headers
    )


def require_distinct(targets: Mapping[int, tuple[str, str]]) -> None:
    """Raise `FhirError` (400) where two entries of a transaction change the same resource.

    `targets` are types and ids by the number of the entry.
    """
    seen: dict[tuple[str, str], int] = {}
    faults = [
        Fault("duplicate", f"entry {seen[target]} changes the same resource", f"Bundle.entry[{number}]")
        for number, target in targets.items()
        if seen.setdefault(target, number) != number
    ]
    if faults:
        raise FhirError(400, faults)


def names(full_url: str, reference: str) -> Iterator[tuple[str, str]]:
    """Iterate what other entries may call the resource of a full URL, each with its new reference."""
    if full_url:
        yield full_url, reference
        match = _LITERAL.fullmatch(full_url)
        if match and match[1] in RESOURCE_TYPES:
            yield f"{match[1]}/{match[2]}", reference


def rewritten(value: Any, replaced: Mapping[str, str]) -> Any:
    """Return a value whose references and addresses that name resources of the bundle name the new ones.

    Texts of other elements stay, such as an identifier's value that is the same URN.
    """
    if isinstance(value, Mapping):
        return {
            name: replaced.get(one, one) if isinstance(one, str) and _NAMING.fullmatch(name)
            else rewritten(one, replaced)
            for name, one in value.items()
        }  # fmt: skip
    if isinstance(value, list):
        return [rewritten(one, replaced) for one in value]
    return value


def conditional(value: Any) -> Iterator[str]:
    """Iterate the conditional references in a resource (`TYPE?identifier=...`)."""
    if isinstance(value, Mapping):
        text = value.get("reference")
        if isinstance(text, str) and "?" in text and text.partition("?")[0] in RESOURCE_TYPES:
            yield text
        for one in value.values():
            yield from conditional(one)
    elif isinstance(value, list):
        for one in value:
            yield from conditional(one)
