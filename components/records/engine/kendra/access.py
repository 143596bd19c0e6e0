"""On whose behalf a request searches: the caller's key, then its UserContext.

A file (BRUME_RECORDS_ACCESS) says for whom each access key may speak, and whose records it may see:

    {"AKIDWARD": {"users": ["ann"], "groups": ["cardiology"]}, "AKIDPORTAL": {"any": true},
     "AKIDSTUDY": {"any": true, "patients": ["p-17", "p-18"]}}

Where it is, a key that it does not name sees documents without a list of access alone, and a UserContext
that goes beyond what the key may is refused. Without the file every key may speak for every user of its
account, as an IAM principal that may call Query does with AWS. A request without UserContext is made for
nobody: it finds documents without a list of access.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from brume.aws.engine.catalog import EngineError
from brume.aws.engine.service import Call
from brume.records.engine.kendra.common import ERRORS, bad
from brume.records.engine.kendra.tables import DATA_SOURCES, GROUPS
from brume.records.model.search.document import Principal, Reader

_MEMBERS = {"any": bool, "users": list, "groups": list, "patients": list}
_UNSIGNED = "anonymous"


@dataclass(frozen=True)
class Rights:
    """For whom a key may speak, and the patients that it is limited to (None: not at all)."""

    any: bool = False
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    patients: frozenset[str] | None = None


class Rules:
    """The rights of keys."""

    def __init__(self, rights: Mapping[str, Rights] | None) -> None:
        """Take the rights by access key; None: every key may speak for everyone."""
        self._rights = rights

    def of(self, access_key: str) -> Rights:
        """Return what a key may; an unsigned request has none."""
        if access_key == _UNSIGNED:
            return Rights()
        if self._rights is None:
            return Rights(any=True)
        return self._rights.get(access_key, Rights())


def read_rules(path: str) -> Rules:
    """Read the file of rights, "" for none. Raises `EngineError` that names key and member."""
    if not path:
        return Rules(None)
    try:
        given = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: the rights of keys cannot be read as JSON: {error}") from error
    if not isinstance(given, dict):
        raise EngineError(f"{path}: it has an object of rights for each access key")
    return Rules({key: _rights(path, key, rights) for key, rights in given.items()})


def _rights(path: str, key: str, given: Any) -> Rights:
    if not isinstance(given, dict) or set(given) - set(_MEMBERS):
        raise EngineError(f"{path}: {key}: there are {', '.join(_MEMBERS)}")
    for name, value in given.items():
        texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if not (isinstance(value, bool) if _MEMBERS[name] is bool else texts):
            raise EngineError(
                f"{path}: {key}: {name} is {'true or false' if name == 'any' else 'a list of names'}"
            )
    patients = given.get("patients")
    return Rights(
        given.get("any", False),
        frozenset(given.get("users", ())),
        frozenset(given.get("groups", ())),
        None if patients is None else frozenset(patients),
    )


def reader(db: Connection, rules: Rules, call: Call, index: str, context: Mapping[str, Any] | None) -> Reader:
    """Return on whose behalf a request searches an index, groups of groups included.

    Raises `ServiceError` where the key may not speak for the user or a group of the UserContext.
    """
    rights, context = rules.of(call.access_key), context or {}
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
        return Reader(frozenset(), rights.patients)
    sources = ["", *db.execute(select(DATA_SOURCES.c.id).filter_by(index_id=index)).scalars()]
    groups |= _containing(db, index, user, groups)
    principals = {Principal(name, True, source) for name, source in groups}
    if user:
        principals |= {Principal(user, False, source) for source in sources}
    return Reader(frozenset(principals), rights.patients)


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
