"""Attributes and lists of access in JSON, as documents in S3 and answers to questions have them.

Formats: Kendra's developer guide, "S3 document metadata" and "Adding questions and answers to an index".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from brume.records.engine.kendra import fields
from brume.records.model.search.document import Value


class MetadataError(ValueError):
    """Metadata that cannot be used; the message names the member."""


def text(member: str, value: object) -> str:
    """Return a text. Raises `MetadataError` that names the member for anything else."""
    if not isinstance(value, str):
        raise MetadataError(f"{member} is no text")
    return value


def value(name: str, given: Any, known: fields.Fields) -> Value:
    """Return the value of an attribute, a date from ISO 8601. Raises `MetadataError`."""
    if name not in known:
        raise MetadataError(f"the index has no attribute {name}: add it by UpdateIndex")
    kind = known[name]["Type"]
    if kind == "STRING_VALUE" and isinstance(given, str):
        return given
    if kind == "STRING_LIST_VALUE" and isinstance(given, list) and all(isinstance(one, str) for one in given):
        return tuple(given)
    if kind == "LONG_VALUE" and isinstance(given, int) and not isinstance(given, bool):
        return given
    if kind == "DATE_VALUE" and isinstance(given, str):
        try:
            parsed = datetime.fromisoformat(given)
            return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        except ValueError:
            pass
    raise MetadataError(f"Attributes.{name} is no {kind}")


def grants(entries: Any) -> list[dict[str, Any]]:
    """Return a list of access. Raises `MetadataError` for one that is not understood."""
    if not isinstance(entries, list):
        raise MetadataError("a list of access is no list")
    for entry in entries:
        fits = isinstance(entry, dict) and isinstance(entry.get("Name"), str)
        if (
            not fits
            or entry.get("Type") not in ("USER", "GROUP")
            or entry.get("Access") not in ("ALLOW", "DENY")
        ):
            raise MetadataError("an entry of access has Name, Type USER or GROUP, Access ALLOW or DENY")
    return [fields.grant(entry) for entry in entries]
