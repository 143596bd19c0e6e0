"""Notes as documents of Kendra's: their attributes, and a digest of what is put."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from brume.records.model.note import Note

_TEXTS = ("patient", "kind", "status", "author")
_USES = {"Facetable": True, "Searchable": False, "Displayable": True, "Sortable": True}
FIELDS: list[dict[str, Any]] = [
    *({"Name": name, "Type": "STRING_VALUE", "Search": _USES} for name in _TEXTS),
    {"Name": "date", "Type": "DATE_VALUE", "Search": {**_USES, "Facetable": False}},
]
"""The attributes of notes, as UpdateIndex takes them. `patient` is what access is decided by."""
_LONGEST = 2048  # characters of an attribute's value, as in Kendra
_PARTIAL = re.compile(r"(\d{4})(-\d{2})?")  # a year or a month of FHIR's
_FRACTION = re.compile(r"(\.\d{6})\d+")


def document(note: Note) -> dict[str, Any]:
    """Return a note as BatchPutDocument takes it."""
    attributes: list[dict[str, Any]] = [
        {"Key": name, "Value": {"StringValue": value[:_LONGEST]}}
        for name in _TEXTS
        if (value := str(getattr(note, name)))
    ]
    if (date := moment(note.date)) is not None:
        attributes.append({"Key": "date", "Value": {"DateValue": date}})
    return {
        "Id": note.id,
        "Title": note.title or note.kind or note.id,
        "Blob": note.text.encode(),
        "ContentType": "PLAIN_TEXT",
        "Attributes": attributes,
    }


def digest_of(note: Note, concepts: Iterable[tuple[str, str]]) -> str:
    """Return a digest of what the service makes of a note.

    `concepts` are system and code of those of the lake's that it mentions.
    """
    values = [note.title, note.text, note.date, *(getattr(note, name) for name in _TEXTS), sorted(concepts)]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:32]


def moment(text: str) -> datetime | None:
    """Return a FHIR date or dateTime in UTC, a year or month as its first day; None for anything else."""
    if partial := _PARTIAL.fullmatch(text):
        text = f"{partial[1]}{partial[2] or '-01'}-01"
    try:
        found = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
