"""On whose behalf a request searches: the caller's key, then its UserContext, and never that alone.

A UserContext that goes beyond what the file of rights lets the key speak for is refused. Without the file
every key may speak for every user of its account, as an IAM principal that may call Query does with AWS. A
request without UserContext is made for nobody: it finds documents without a list of access.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from brume.aws.engine.service import Call
from brume.records.engine.access.scopes import Scopes
from brume.records.engine.kendra.common import ERRORS, bad
from brume.records.engine.kendra.tables import DATA_SOURCES, GROUPS
from brume.records.model.search.document import Principal, Reader


def reader(
    db: Connection, scopes: Scopes, call: Call, index: str, context: Mapping[str, Any] | None
) -> Reader:
    """Return on whose behalf a request searches an index, groups of groups included.

    Raises `ServiceError` where the key may not speak for the user or a group of the UserContext.
    """
    rights, patients, context = scopes.rights(call), scopes.of(call).patients, context or {}
    if context.get("Token"):
        raise bad("UserContext.Token: tokens are not checked by this server; give UserId and Groups")
    user = context.get("UserId") or ""
    groups = {(name, "") for name in context.get("Groups") or ()}
    groups |= {(one["GroupId"], one["DataSourceId"]) for one in context.get("DataSourceGroups") or ()}
    if not rights.any:
        others = [name for name, _ in sorted(groups) if name not in rights.groups]
        if (user and user not in rights.users) or others:
            raise ERRORS(
                "AccessDeniedException",
                "The access key of this request may not speak for the user or for a group of UserContext: "
                "the server's file of rights (BRUME_RECORDS_ACCESS) says for whom it may",
            )
    if not user and not groups:
        return Reader(frozenset(), patients)
    sources = ["", *db.execute(select(DATA_SOURCES.c.id).filter_by(index_id=index)).scalars()]
    groups |= _containing(db, index, user, groups)
    principals = {Principal(name, True, source) for name, source in groups}
    if user:
        principals |= {Principal(user, False, source) for source in sources}
    return Reader(frozenset(principals), patients)


def context_of(scopes: Scopes, call: Call) -> dict[str, Any]:
    """Return the UserContext of a page, which names nobody: the one user that its key speaks for."""
    rights = scopes.rights(call)
    if len(rights.users) != 1:
        return {}
    return {"UserId": next(iter(rights.users)), "Groups": sorted(rights.groups)}


def page_reader(db: Connection, scopes: Scopes, call: Call, index: str) -> Reader:
    """Return on whose behalf a page reads an index."""
    return reader(db, scopes, call, index, context_of(scopes, call))


def _containing(db: Connection, index: str, user: str, groups: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the groups that a user or their groups are members of, however far up."""
    known = list(db.execute(select(GROUPS).filter_by(index_id=index, deleted=0)))
    found: set[tuple[str, str]] = set()
    while True:
        mine = groups | found
        more = {
            (row.name, row.source_id)
            for row in known
            if user in row.users or any(tuple(member) in mine for member in row.groups)
        }
        if more <= found:
            return found
        found |= more
