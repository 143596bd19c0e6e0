"""Searches: a page of matches in their order, what comes with them, how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, tuple_

from brume.records.engine.healthlake import store
from brume.records.engine.healthlake.fhir import replies
from brume.records.engine.healthlake.fhir.access import Access
from brume.records.engine.healthlake.fhir.conditions import identified, matching, ordering, referred
from brume.records.engine.healthlake.fhir.pages import Page, beyond
from brume.records.engine.healthlake.store import Version
from brume.records.engine.healthlake.tables import KEYS, VERSIONS
from brume.records.model.fhir.errors import Fault, outcome, refused
from brume.records.model.fhir.keys import IDENTIFIER
from brume.records.model.fhir.query import Include, Search

INCLUDED = 1000
"""Resources that come with the matches of one page, at most."""


def search(db: Connection, access: Access, wanted: Search) -> tuple[dict[str, Any], list[Version]]:
    """Return the Bundle of one page, and the versions that it shows. Raises `FhirError`."""
    found = matching(db, access.datastore, access.patients, [wanted.type], wanted.criteria)
    total = None
    if wanted.total or wanted.only_count:
        total = int(db.execute(select(func.count()).select_from(found.subquery())).scalar_one())
    page = Page(access, wanted.type, wanted.given, wanted.count, wanted.page)
    if wanted.only_count:
        return replies.bundle("searchset", [], total=total, link=page.links(None)), []
    ordered, columns, directions = ordering(access.datastore, wanted, found)
    if after := page.after(len(columns)):
        ordered = ordered.where(beyond(columns, directions, after))
    listed = db.execute(ordered.limit(wanted.count + 1)).all()
    shown = listed[: wanted.count]
    last = None
    if len(listed) > len(shown):
        last = [getattr(shown[-1], f"place_{number}") for number in range(len(columns))]
    matches = [Version.of(row) for row in shown]
    included = _included(db, access, wanted, [one.id for one in matches])
    entries = [replies.entry(access, one, "match", wanted.elements) for one in matches]
    entries += [replies.entry(access, one, "include", wanted.elements) for one in included]
    if wanted.ignored:
        ignored = outcome([Fault("not-supported", f"ignored: {', '.join(wanted.ignored)}")], "warning")
        entries.append({"resource": ignored, "search": {"mode": "outcome"}})
    shown_all = [*matches, *included]
    return replies.bundle("searchset", entries, total=total, link=page.links(last)), shown_all


def first(db: Connection, access: Access, wanted: Search, most: int) -> list[Version]:
    """Return the first matches of a search alone, as conditions of changes need them."""
    found = matching(db, access.datastore, access.patients, [wanted.type], wanted.criteria)
    return [Version.of(row) for row in db.execute(found.order_by(VERSIONS.c.id).limit(most))]


def _included(db: Connection, access: Access, wanted: Search, ids: Sequence[str]) -> list[Version]:
    """Return what comes with the matches, each once and none of the matches; by type and id."""
    found: dict[tuple[str, str], Version] = {}
    conditions = [_targets(access.datastore, one, ids) for one in wanted.includes]
    conditions += [_sources(access.datastore, one, wanted.type, ids) for one in wanted.reverse]
    for condition in conditions if ids else ():
        rows = store.current(db, access.datastore, access.patients).where(condition).limit(INCLUDED + 1)
        for row in db.execute(rows):
            if row.type != wanted.type or row.id not in ids:
                found[row.type, row.id] = Version.of(row)
        if len(found) > INCLUDED:
            raise refused(
                400,
                "too-costly",
                f"more than {INCLUDED} resources come with this page: ask for a smaller _count",
            )
    return [found[key] for key in sorted(found)]


def _targets(datastore: str, include: Include, ids: Sequence[str]) -> ColumnElement[bool]:
    mine = [KEYS.c.datastore == datastore, KEYS.c.type == include.source, KEYS.c.id.in_(ids)]
    pair = tuple_(VERSIONS.c.type, VERSIONS.c.id)
    literal, through = referred(datastore, include.parameter.name)
    condition = or_(pair.in_(literal.where(*mine)), pair.in_(through.where(*mine)))
    return condition & (VERSIONS.c.type == include.target) if include.target else condition


def _sources(datastore: str, include: Include, searched: str, ids: Sequence[str]) -> ColumnElement[bool]:
    identifiers = KEYS.alias("identifiers")
    mine = [KEYS.c.datastore == datastore, KEYS.c.type == include.source]
    literal = select(KEYS.c.id).where(
        *mine, KEYS.c.parameter == include.parameter.name, KEYS.c.system == searched, KEYS.c.value.in_(ids)
    )
    through = (
        select(KEYS.c.id)
        .select_from(KEYS.join(identifiers, identified(KEYS, identifiers, datastore)))
        .where(
            *mine,
            KEYS.c.parameter == include.parameter.name + IDENTIFIER,
            identifiers.c.type == searched,
            identifiers.c.id.in_(ids),
        )
    )
    return (VERSIONS.c.type == include.source) & or_(VERSIONS.c.id.in_(literal), VERSIONS.c.id.in_(through))
