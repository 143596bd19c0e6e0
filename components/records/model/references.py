"""FHIR references: literal, absolute, conditional (`TYPE?identifier=SYSTEM|VALUE`), contained, by URN."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from brume.records.model.fhir_types import RESOURCE_TYPES

URN = "urn:ietf:rfc:3986"  # the system of identifiers that are URNs
_LITERAL = re.compile(r"(?:.*/)?([A-Za-z]+)/([^/?#|\s]+)(?:/_history/[^/]+)?(?:\|.*)?")


@dataclass(frozen=True)
class Literal:
    """A resource by type and id."""

    type: str
    id: str


@dataclass(frozen=True)
class ByIdentifier:
    """A resource by an identifier; `type` is "" and `system` is None where any is meant."""

    type: str
    system: str | None
    value: str


@dataclass(frozen=True)
class Contained:
    """A resource within the one that refers to it."""

    id: str


def parse(reference: Any) -> Literal | ByIdentifier | Contained | None:
    """Return what a Reference (the object of FHIR, or its text) names, None where that is not understood."""
    text = reference.get("reference") if isinstance(reference, Mapping) else reference
    if isinstance(text, str) and text:
        return _of_text(text.strip())
    if isinstance(reference, Mapping) and isinstance(reference.get("identifier"), Mapping):
        identifier, kind = reference["identifier"], reference.get("type")
        value, system = identifier.get("value"), identifier.get("system")
        if isinstance(value, str) and value:
            return ByIdentifier(
                kind if isinstance(kind, str) and kind in RESOURCE_TYPES else "",
                system if isinstance(system, str) else None,
                value,
            )
    return None


def _of_text(text: str) -> Literal | ByIdentifier | Contained | None:
    if text.startswith("#"):
        return Contained(text[1:])
    if text.startswith("urn:"):
        return ByIdentifier("", URN, text)
    path, question, query = text.partition("?")
    if question:
        return _conditional(path.rsplit("/", 1)[-1], query)
    match = _LITERAL.fullmatch(text)
    if match and match[1] in RESOURCE_TYPES:
        return Literal(match[1], unquote(match[2]))
    return None


def _conditional(kind: str, query: str) -> Literal | ByIdentifier | None:
    # A plus sign stands for itself where a program wrote the value as it was, as Synthea does.
    criteria = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    if kind not in RESOURCE_TYPES or len(criteria) != 1:
        return None
    (name, value) = criteria[0]
    if name == "_id" and value:
        return Literal(kind, value)
    if name != "identifier" or not value:
        return None
    system, bar, code = value.partition("|")
    if not bar:
        return ByIdentifier(kind, None, value)
    return ByIdentifier(kind, system, code) if code else None
