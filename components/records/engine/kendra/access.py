"""On whose behalf a request searches: the caller's key, then its UserContext, and never that alone.

A UserContext that goes beyond what the file of rights lets the key speak for is refused. Without the file
every key may speak for every user of its account, as an IAM principal that may call Query does with AWS. A
request without UserContext is made for nobody: it finds documents without a list of access.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from brume.aws.engine.service import Call
from brume.records.engine.access.audit import DENIED, Audit
from brume.records.engine.access.scopes import Scope, Scopes, denied
from brume.records.engine.kendra.common import bad
from brume.records.engine.kendra.tables import DATA_SOURCES, GROUPS
from brume.records.model.search.document import Principal, Reader


class Readers:
    """Decides on whose behalf requests search; what it refuses is in the audit."""

    def __init__(self, scopes: Scopes, audit: Audit, pseudonym: Callable[[str, str], str]) -> None:
        """`pseudonym(kind, id)` returns what stands for an id in de-identified documents."""
        self.scopes, self._audit, self._pseudonym = scopes, audit, pseudonym

    def of(self, db: Connection, call: Call, index: str, context: Mapping[str, Any] | None) -> Reader:
        """Return on whose behalf a request searches an index, groups of groups included.

        Raises `ServiceError` where the key may not speak for the user or a group of the UserContext.
        """
        rights, scope, context = self.scopes.rights(call), self.scopes.of(call), context or {}
        if context.get("Token"):
            raise bad("UserContext.Token: tokens are not checked by this server; give UserId and Groups")
        user = context.get("UserId") or ""
        groups = {(name, "") for name in context.get("Groups") or ()}
        groups |= {(one["GroupId"], one["DataSourceId"]) for one in context.get("DataSourceGroups") or ()}
        if not rights.any:
            others = [name for name, _ in sorted(groups) if name not in rights.groups]
            if (user and user not in rights.users) or others:
                self._audit.write(call, scope, user=user, outcome=DENIED)
                raise denied(
                    "The access key of this request may not speak for the user or for a group of "
                    "UserContext: the server's file of rights (BRUME_RECORDS_ACCESS) says for whom it may",
                    audited=True,
                )
        principals: set[Principal] = set()
        if user or groups:
            sources = ["", *db.execute(select(DATA_SOURCES.c.id).filter_by(index_id=index)).scalars()]
            groups |= _containing(db, index, user, groups)
            principals = {Principal(name, True, source) for name, source in groups}
            if user:
                principals |= {Principal(user, False, source) for source in sources}
        return self.alone(scope, principals)

    def page(self, db: Connection, call: Call, index: str) -> Reader:
        """Return on whose behalf a page reads an index."""
        return self.of(db, call, index, context_of(self.scopes, call))

    def alone(self, scope: Scope, principals: Iterable[Principal] = ()) -> Reader:
        """Return the reader of a scope that speaks for these, none without."""
        patients = scope.patients
        if patients is not None and scope.deidentified:
            patients = frozenset(self._pseudonym("patient", patient) for patient in patients)
        return Reader(frozenset(principals), patients, bool(scope.emergency))


class Reads:
    """Writes into the audit which documents an answer shows."""

    def __init__(self, audit: Audit, scopes: Scopes, original: Callable[[str], str]) -> None:
        """`original` returns the id of the document that an id in an answer stands for."""
        self._audit, self._scopes, self._original = audit, scopes, original

    def write(self, call: Call, request: Mapping[str, Any], documents: Iterable[str]) -> None:
        """Write a row for the answer to a search."""
        user = (request.get("UserContext") or {}).get("UserId") or ""
        asked = request.get("QueryText") or json.dumps(request.get("AttributeFilter"), default=str)
        shown = [self._original(one) for one in documents]
        self._audit.write(call, self._scopes.of(call), shown, query=asked, user=user)


def context_of(scopes: Scopes, call: Call) -> dict[str, Any]:
    """Return the UserContext of a page, which names nobody: the one user that its key speaks for."""
    rights = scopes.rights(call)
    if len(rights.users) != 1:
        return {}
    return {"UserId": next(iter(rights.users)), "Groups": sorted(rights.groups)}


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
