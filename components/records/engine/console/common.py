"""What the console's operations have in common: the index that a request is about, and who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from brume.aws.engine.errors import Errors
from brume.aws.engine.lookup import owned
from brume.aws.engine.service import Call, ServiceError
from brume.records.engine.access.scopes import Scope, Scopes, denied
from brume.records.engine.kendra.results import title
from brume.records.engine.kendra.tables import INDICES
from brume.records.model.search.document import Document, Value

ERRORS = Errors("brumerecords")
KIND, DATE = ("kind", "_category"), ("date", "_created_at")
"""Attributes of notes that state the kind and the date: those of the pipeline, then Kendra's own."""
_AUTHOR = ("author", "_authors")


def invalid(message: str) -> ServiceError:
    """Return the error of a request that cannot be done as it is."""
    return ERRORS("ValidationException", message)


def absent(message: str) -> ServiceError:
    """Return the error of what is not there, or not for the caller."""
    return ERRORS("ResourceNotFoundException", message)


def readable(scopes: Scopes, call: Call) -> Scope:
    """Return what a request that reads notes may see. Raises `ServiceError` for one that may see none."""
    scope = scopes.of(call)
    if scope.patients is not None and not scope.patients:
        raise denied(
            "This key may see no records: the server's file of rights (BRUME_RECORDS_ACCESS) says so"
        )
    return scope


def index_of(db: Connection, call: Call, request: Mapping[str, Any]) -> Row[Any]:
    """Return the index of a request: the newest one of the account, in any region, where it names none.

    Raises `ServiceError`.
    """
    wanted, identity = owned(INDICES, call, status="ACTIVE"), request.get("IndexId")
    if identity:
        wanted = wanted.filter_by(id=identity)
    found = db.execute(wanted.order_by(INDICES.c.created.desc(), INDICES.c.id).limit(1)).first()
    if found is None and identity:
        raise absent(f"There is no index {identity} that is ACTIVE")
    if found is None:
        raise absent(
            "There is no index of notes yet: `brume run records` makes one, as does CreateIndex of Kendra"
        )
    return found


def described(document: Document) -> dict[str, Any]:
    """Return what is shown of every note."""
    return {
        "NoteId": document.id,
        "Title": title(document),
        "Patient": document.patient or None,
        "Kind": _first(document, KIND),
        "Date": _first(document, DATE),
        "Author": _first(document, _AUTHOR),
        "Status": _first(document, ("status",)),
    }


def others(document: Document) -> list[tuple[str, str]]:
    """Return the attributes of a note, as text, that `described` does not show."""
    known = {"patient", "status", *KIND, *DATE, *_AUTHOR}
    return [(name, text_of(value)) for name, value in document.attributes.items() if name not in known]


def text_of(value: Value) -> str:
    """Return a value as text: dates without a time of day as days."""
    match value:
        case datetime():
            midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
            return value.strftime("%Y-%m-%d") if midnight else value.strftime("%Y-%m-%d %H:%M")
        case tuple():
            return ", ".join(value)
        case _:
            return str(value)


def _first(document: Document, names: tuple[str, ...]) -> str | None:
    found = (document.attributes.get(name) for name in names)
    return next((text_of(value) for value in found if value not in (None, "")), None)
