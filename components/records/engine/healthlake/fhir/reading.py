"""Reads of one resource and of its past, and everything about one patient."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, or_, select

from brume.records.engine.healthlake import store, visibility
from brume.records.engine.healthlake.fhir import replies
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.engine.healthlake.fhir.conditions import referred
from brume.records.engine.healthlake.fhir.pages import Page, Pairs
from brume.records.engine.healthlake.store import Version, instant
from brume.records.engine.healthlake.tables import KEYS, PATIENTS, VERSIONS
from brume.records.model.fhir import checks, compartment, times
from brume.records.model.fhir.errors import refused
from brume.records.model.fhir.keys import REFERENCES
from brume.records.model.fhir.query import DEFAULT_COUNT, MOST, PAGE
from brume.records.model.fhir_types import RESOURCE_TYPES

_METHODS = {True: "POST", False: "PUT"}  # of the first version, of later ones
_AT_ONCE = 300  # resources of one type that are looked up by one statement
Listing = tuple[dict[str, Any], list[Version]]


def absent(kind: str) -> Exception:
    """Return the error of a resource that is not there for the caller: its id is not repeated."""
    return refused(404, "not-found", f"there is no such {kind}, or none that this key may read")


def read(db: Connection, access: Access, kind: str, identity: str) -> Version:
    """Return the current version. Raises `FhirError`: 404, or 410 where it was deleted."""
    checks.require_type(kind)
    checks.require_id(identity)
    found = store.read(db, access.datastore, kind, identity, access.patients)
    return _there(found, kind)


def read_version(db: Connection, access: Access, kind: str, identity: str, version: str) -> Version:
    """Return one version. Raises `FhirError`: 404, or 410 where it is a deletion."""
    checks.require_type(kind)
    checks.require_id(identity)
    if not version.isdecimal() or len(version) > 9:
        raise absent(kind)
    found = store.read_version(db, access.datastore, kind, identity, int(version), access.patients)
    return _there(found, kind)


def _there(found: Version | None, kind: str) -> Version:
    if found is None:
        raise absent(kind)
    if found.deleted:
        raise refused(410, "deleted", f"this {kind} was deleted")
    return found


def history(db: Connection, access: Access, kind: str, identity: str, given: Pairs) -> Listing:
    """Return the changes of a resource, of a type, or of all ("" for either), the last first.

    `_count`, `_since` and the page are taken. Raises `FhirError`.
    """
    count, since, token, _ = _options(given, ("_since",))
    if kind:
        checks.require_type(kind)
    path = "/".join(filter(None, (kind, identity, "_history")))
    page = Page(access, path, given, count, token)
    after = page.after(1)
    if identity:
        checks.require_id(identity)
        if store.read(db, access.datastore, kind, identity, access.patients) is None:
            raise absent(kind)
    listed = store.history(
        db,
        access.datastore,
        access.patients,
        kind=kind,
        identity=identity,
        before=int(after[0]) if after else None,
        most=count + 1,
    )
    listed = [one for one in listed if since is None or one.updated * 1000 >= since]
    shown = listed[:count]
    last = [shown[-1].sequence] if shown and len(listed) > count else None
    return replies.bundle("history", [_change(access, one) for one in shown], link=page.links(last)), shown


def _change(access: Access, version: Version) -> dict[str, Any]:
    name = f"{version.type}/{version.id}"
    if version.deleted:
        return {
            "fullUrl": access.base + name,
            "request": {"method": "DELETE", "url": name},
            "response": {"status": "204 No Content", "lastModified": instant(version.updated)},
        }
    created = version.version == 1
    return {
        **replies.entry(access, version),
        "request": {"method": _METHODS[created], "url": version.type if created else name},
        "response": replies.response(access, version, 201 if created else 200),
    }


def everything(db: Connection, access: Access, identity: str, given: Pairs) -> Listing:
    """Return a patient, all that is about the patient, and the resources of no patient that this refers to.

    `_count`, `_since`, `_type` and the page are taken. Raises `FhirError`.
    """
    count, since, token, types = _options(given, ("_since", "_type"))
    patient = read(db, access, "Patient", identity)
    page = Page(access, f"Patient/{identity}/$everything", given, count, token)
    after = page.after(2)
    about = _about(db, access.datastore, identity)
    names = sorted({*about, *_shared(db, access.datastore, about)} - {_name(patient)})
    names = [_name(patient), *names] if after is None else [one for one in names if list(one) > after]
    own = visibility.about(db, access.datastore, [identity])
    shared = VERSIONS.c.type.in_(sorted(compartment.SHARED))
    wanted = store.current(db, access.datastore, access.patients).where(or_(own, shared))
    if since is not None:
        wanted = wanted.where(VERSIONS.c.updated >= since / 1000)
    listed: list[Version] = []
    for kind, ids in _parts([one for one in names if not types or one[0] in types]):
        found = {
            row.id: row for row in db.execute(wanted.where(VERSIONS.c.type == kind, VERSIONS.c.id.in_(ids)))
        }
        listed += [Version.of(found[one]) for one in ids if one in found]
        if len(listed) > count:
            break
    shown = listed[:count]
    last = None
    if len(listed) > count:
        last = ["", ""] if shown[-1] == patient else list(_name(shown[-1]))
    entries = [replies.entry(access, one, "match") for one in shown]
    return replies.bundle("searchset", entries, link=page.links(last)), shown


def _name(version: Version) -> tuple[str, str]:
    return version.type, version.id


def _about(db: Connection, datastore: str, identity: str) -> list[tuple[str, str]]:
    """Return types and ids of what is, or was in a version, about a patient."""
    named = PATIENTS.c.patient.in_(visibility.names(db, datastore, [identity]))
    rows = select(PATIENTS.c.type, PATIENTS.c.id).where(PATIENTS.c.datastore == datastore, named)
    return sorted((row.type, row.id) for row in db.execute(rows.distinct()))


def _shared(db: Connection, datastore: str, about: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return types and ids of what of no patient some resources refer to."""
    found: set[tuple[str, str]] = set()
    types = sorted(compartment.SHARED)
    for kind, ids in _parts(about):
        for keys in referred(datastore, REFERENCES):
            mine = keys.where(KEYS.c.datastore == datastore, KEYS.c.type == kind, KEYS.c.id.in_(ids))
            rows = db.execute(mine.where(keys.selected_columns.type.in_(types)).distinct())
            found.update((row.type, row.id) for row in rows)
    return found


def _parts(names: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yield types and some ids of each, in the order of the names."""
    for kind, some in itertools.groupby(names, key=lambda one: one[0]):
        ids = [identity for _, identity in some]
        for start in range(0, len(ids), _AT_ONCE):
            yield kind, ids[start : start + _AT_ONCE]


def _options(given: Pairs, known: Sequence[str]) -> tuple[int, int | None, str, list[str]]:
    """Return count, time in milliseconds, page and types that a listing is asked for."""
    count, since, token, types = DEFAULT_COUNT, None, "", []
    for name, value in given:
        if name == "_count":
            if not value.isdecimal() or not int(value[:9]) > 0:
                raise refused(400, "value", "_count is a whole number, 1 or more")
            count = min(int(value[:9]), MOST)
        elif name == PAGE:
            token = value
        elif name == "_since" and name in known:
            try:
                since = times.of_text(value.replace(" ", "+"))[0]
            except ValueError as error:
                raise refused(400, "value", f"_since: {error}") from None
        elif name == "_type" and name in known:
            types = value.split(",")
            if not set(types) <= RESOURCE_TYPES:
                raise refused(400, "value", "_type: a list of resource types of FHIR R4, with commas")
        elif name != "_format":
            names = ", ".join(("_count", *known, PAGE))
            raise refused(400, "not-supported", f"one of the parameters is not done here: there are {names}")
    return count, since, token, types
