"""What Kendra's operations have in common: errors, ARNs, and a caller's resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from brume.aws.engine import arns, lookup
from brume.aws.engine.errors import Errors
from brume.aws.engine.listing import list_rows
from brume.aws.engine.service import Call, ServiceError
from brume.aws.engine.store import Store
from brume.records.engine.kendra.tables import DATA_SOURCES, FEATURED, FILES, INDICES

ERRORS = Errors("kendra")


def bad(message: str) -> ServiceError:
    """Return the error of a request that cannot be done as it is."""
    return ERRORS("ValidationException", message)


def conflict(message: str) -> ServiceError:
    """Return the error of a request that does not fit the state of what it names."""
    return ERRORS("ConflictException", message)


def absent(what: str, identity: str) -> ServiceError:
    """Return the error of a resource that is not there, or not the caller's."""
    return ERRORS("ResourceNotFoundException", f"There is no {what} {identity}")


def index_row(db: Connection, call: Call, identity: str, *, active: bool = False) -> Row[Any]:
    """Return an index of the caller's; with `active`, refuse one that is being made or deleted."""
    mine = lookup.owned(INDICES, call, region=call.region, id=identity)
    found = lookup.one(db, mine, absent("index", identity))
    if active and found.status != "ACTIVE":
        raise conflict(f"The index {identity} is {found.status}: wait until it is ACTIVE")
    return found


def list_of_index(
    store: Store,
    request: Mapping[str, Any],
    call: Call,
    table: Table,
    summary: Callable[[Row[Any]], dict[str, Any]],
    **among: str,
) -> dict[str, Any]:
    """Return a page of what an index of the caller's has in a table, the newest first."""
    with store.read() as db:
        index = index_row(db, call, request["IndexId"])
        wanted = select(table).filter_by(index_id=index.id, **among)
        order = (table.c.created, table.c.id)
        return list_rows(db, request, call, wanted, order, summary, newest_first=True)


def source_row(db: Connection, index: str, identity: str) -> Row[Any]:
    """Return a data source of an index that was found to be the caller's."""
    wanted = select(DATA_SOURCES).filter_by(index_id=index, id=identity)
    return lookup.one(db, wanted, absent("data source", identity))


def arn(call: Call, *path: str) -> str:
    """Return the ARN of an index, or of a data source: ("index", id, "data-source", id)."""
    return str(arns.Arn("kendra", call.region, call.account, path))


def tagged(db: Connection, call: Call, text: str) -> str:
    """Return the ARN of an index, or of what belongs to it, of the caller. Raises `ServiceError`."""
    try:
        parsed = arns.parse(text)
    except ValueError as error:
        raise bad(str(error)) from error
    here = (parsed.service, parsed.account, parsed.region) == ("kendra", call.account, call.region)
    match parsed.path if here else ():
        case ("index", index):
            index_row(db, call, index)
        case ("index", index, _, _) if parsed.path[2:] in children(db, index_row(db, call, index).id):
            pass
        case _:
            raise ERRORS("ResourceUnavailableException", f"{text} names no index or part of one of yours")
    return str(parsed)


def children(db: Connection, index: str) -> set[tuple[str, ...]]:
    """Return the ends of the ARNs of what an index has: ("data-source", id)."""
    sources = db.execute(select(DATA_SOURCES.c.id).filter_by(index_id=index)).scalars()
    sets = db.execute(select(FEATURED.c.id).filter_by(index_id=index)).scalars()
    files = db.execute(select(FILES.c.kind, FILES.c.id).filter_by(index_id=index))
    found: set[tuple[str, ...]] = {(kind, identity) for kind, identity in files}
    return found | {("data-source", one) for one in sources} | {("featured-results-set", one) for one in sets}
