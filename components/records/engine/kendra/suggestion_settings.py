"""What is suggested of an index: how many have to have asked a query, and which attributes count."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from brume.aws.engine.service import Call
from brume.aws.engine.store import Store
from brume.records.engine.kendra import fields
from brume.records.engine.kendra.common import bad, index_row
from brume.records.engine.kendra.tables import ASKED, INDICES, POPULAR

ASKERS = 5
"""The least number of different readers of a query, from which on it may be suggested to others."""
_DAYS, _MOST_DAYS = 180, 3650
_MEMBERS = (
    "Mode",
    "QueryLogLookBackWindowInDays",
    "IncludeQueriesWithoutUserInformation",
    "MinimumNumberOfQueryingUsers",
    "MinimumQueryCount",
    "AttributeSuggestionsConfig",
)


@dataclass(frozen=True)
class Suggested:
    """The rules of an index. `attributes` None: all; `unnamed`: queries without a user count too.

    A query counts once for each reader, so that `askers` is the greater one of Kendra's two numbers.
    """

    offered: bool
    attributes_offered: bool
    attributes: frozenset[str] | None
    askers: int
    seconds: float  # for which it counts that somebody asked
    unnamed: bool


def suggested(given: Mapping[str, Any]) -> Suggested:
    """Return the rules of an index from its column."""
    about = given.get("AttributeSuggestionsConfig") or {}
    listed = about.get("SuggestableConfigList")
    names = (
        None if listed is None else frozenset(one["AttributeName"] for one in listed if one["Suggestable"])
    )
    return Suggested(
        given.get("Mode", "ENABLED") == "ENABLED",
        about.get("AttributeSuggestionsMode", "ACTIVE") == "ACTIVE",
        names,
        max(
            given.get("MinimumNumberOfQueryingUsers", ASKERS), given.get("MinimumQueryCount", ASKERS), ASKERS
        ),
        given.get("QueryLogLookBackWindowInDays", _DAYS) * 86400.0,
        given.get("IncludeQueriesWithoutUserInformation", True),
    )


class SuggestionSettings:
    """The operations on the settings of suggestions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe_query_suggestions_config(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Describe the settings, and how many queries are known that enough readers have asked."""
        with self._store.read() as db:
            index = index_row(db, call, request["IndexId"])
            popular = select(func.count()).select_from(POPULAR).filter_by(index_id=index.id)
            count = db.execute(popular).scalar_one()
        rules, given = suggested(index.suggestions), index.suggestions
        about = given.get("AttributeSuggestionsConfig") or {}
        return {
            "Mode": given.get("Mode", "ENABLED"),
            "Status": "ACTIVE",
            "QueryLogLookBackWindowInDays": given.get("QueryLogLookBackWindowInDays", _DAYS),
            "IncludeQueriesWithoutUserInformation": rules.unnamed,
            "MinimumNumberOfQueryingUsers": given.get("MinimumNumberOfQueryingUsers", ASKERS),
            "MinimumQueryCount": given.get("MinimumQueryCount", ASKERS),
            "LastClearTime": given.get("cleared"),
            "TotalSuggestionsCount": count,
            "AttributeSuggestionsConfig": {"AttributeSuggestionsMode": "ACTIVE", **about},
        }

    def update_query_suggestions_config(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change the settings. Fewer readers of a query than `ASKERS` would name who asked it."""
        for name in ("MinimumNumberOfQueryingUsers", "MinimumQueryCount"):
            if request.get(name) is not None and request[name] < ASKERS:
                raise bad(f"{name} is {ASKERS} at least on this server: a query of fewer may tell who asked")
        days = request.get("QueryLogLookBackWindowInDays")
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise bad(f"QueryLogLookBackWindowInDays is from 1 to {_MOST_DAYS}")
        about = request.get("AttributeSuggestionsConfig") or {}
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            for one in about.get("SuggestableConfigList") or []:
                fields.need(index.fields, one["AttributeName"], "Displayable" if one["Suggestable"] else "")
            changes = {name: request[name] for name in _MEMBERS if request.get(name) is not None}
            before = index.suggestions.get("AttributeSuggestionsConfig") or {}
            if about:
                changes["AttributeSuggestionsConfig"] = {**before, **about}
            values = {"suggestions": {**index.suggestions, **changes}, "updated": time.time()}
            db.execute(update(INDICES).filter_by(id=index.id).values(**values))
        return {}

    def clear_query_suggestions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Forget which queries were asked."""
        with self._store.write() as db:
            index = index_row(db, call, request["IndexId"], active=True)
            for table in (ASKED, POPULAR):
                db.execute(delete(table).filter_by(index_id=index.id))
            values = {"suggestions": {**index.suggestions, "cleared": time.time()}}
            db.execute(update(INDICES).filter_by(id=index.id).values(**values))
        return {}
