"""Reads of one resource and of its past, and everything about one patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, Connection, and_, select, tuple_, union

from brume.records.engine.healthlake import store
from brume.records.engine.healthlake.fhir import replies
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.engine.healthlake.fhir.conditions import referred
from brume.records.engine.healthlake.fhir.pages import Page, Pairs, beyond
from brume.records.engine.healthlake.store import Version, instant
from brume.records.engine.healthlake.tables import KEYS, PATIENTS, VERSIONS
from brume.records.model.fhir import checks, compartment, times
from brume.records.model.fhir.errors import refused
from brume.records.model.fhir.keys import REFERENCES
from brume.records.model.fhir.query import DEFAULT_COUNT, MOST, PAGE
from brume.records.model.fhir_types import RESOURCE_TYPES

_METHODS = {True: "POST", False: "PUT"}  # of the first version, of later ones
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
    among = _everything(db, access.datastore, identity)
    wanted = store.current(db, access.datastore, access.patients).join(
        among, and_(VERSIONS.c.type == among.c.type, VERSIONS.c.id == among.c.id)
    )
    pair = tuple_(VERSIONS.c.type, VERSIONS.c.id)
    if types:
        wanted = wanted.where(VERSIONS.c.type.in_(types))
    if since is not None:
        wanted = wanted.where(VERSIONS.c.updated >= since / 1000)
    order = [VERSIONS.c.type, VERSIONS.c.id]
    wanted = wanted.where(pair != (patient.type, patient.id)).order_by(*order)
    leading = [patient] if (not types or "Patient" in types) and (
        since is None or patient.updated * 1000 >= since
    ) else []  # fmt: skip
    if after := page.after(2):
        wanted, leading = wanted.where(beyond(order, [False, False], after)), []
    listed = [*leading, *(Version.of(row) for row in db.execute(wanted.limit(count + 1)))]
    shown = listed[:count]
    last = _place(shown[-1], patient) if shown and len(listed) > count else None
    entries = [replies.entry(access, one, "match") for one in shown]
    return replies.bundle("searchset", entries, link=page.links(last)), shown


def _everything(db: Connection, datastore: str, identity: str) -> CTE:
    """Return types and ids of what is about a patient, and of what of no patient this refers to."""
    same = [getattr(VERSIONS.c, name) == getattr(PATIENTS.c, name) for name in ("type", "id", "version")]
    about = (
        select(VERSIONS.c.type, VERSIONS.c.id)
        .join(PATIENTS, and_(VERSIONS.c.datastore == PATIENTS.c.datastore, *same))
        .where(PATIENTS.c.datastore == datastore, VERSIONS.c.current == 1, VERSIONS.c.deleted == 0)
        .where(PATIENTS.c.patient.in_(store.names(db, datastore, [identity])))
        .cte("about")
    )
    theirs = and_(about.c.type == KEYS.c.type, about.c.id == KEYS.c.id)
    literal, through = referred(datastore, REFERENCES)
    shared = sorted(compartment.SHARED)
    return union(
        select(about.c.type, about.c.id),
        literal.join(about, theirs).where(KEYS.c.datastore == datastore, KEYS.c.system.in_(shared)),
        through.join(about, theirs).where(
            KEYS.c.datastore == datastore, through.selected_columns.type.in_(shared)
        ),
    ).cte("everything")


def _place(version: Version, patient: Version) -> list[str]:
    return ["", ""] if version == patient else [version.type, version.id]


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
