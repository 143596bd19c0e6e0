"""The attributes of an index's documents: their types, and what may be done with each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from brume.records.engine.kendra.common import bad
from brume.records.model.search.document import Value
from brume.records.model.search.filters import All, Compare, Comparison, Condition, Not, Some
from brume.records.model.search.relevance import Boost

_MEMBERS = {
    "StringValue": "STRING_VALUE",
    "StringListValue": "STRING_LIST_VALUE",
    "LongValue": "LONG_VALUE",
    "DateValue": "DATE_VALUE",
}
_RESERVED = {
    "_authors": "STRING_LIST_VALUE",
    "_category": "STRING_VALUE",
    "_created_at": "DATE_VALUE",
    "_data_source_id": "STRING_VALUE",
    "_data_source_sync_job_execution_id": "STRING_VALUE",
    "_document_title": "STRING_VALUE",
    "_excerpt_page_number": "LONG_VALUE",
    "_faq_id": "STRING_VALUE",
    "_file_type": "STRING_VALUE",
    "_language_code": "STRING_VALUE",
    "_last_updated_at": "DATE_VALUE",
    "_source_uri": "STRING_VALUE",
    "_version": "STRING_VALUE",
    "_view_count": "LONG_VALUE",
}
_DEEPEST = 8  # conditions within conditions
_MOST_CONDITIONS = 1000  # of a filter
_MOST_FIELDS = 500

Fields = dict[str, dict[str, Any]]  # by name: Type, Relevance, Search


def reserved() -> Fields:
    """Return the attributes that every index has."""
    return {name: _field(kind, {}, every=True) for name, kind in _RESERVED.items()}


def updated(fields: Fields, updates: list[Mapping[str, Any]]) -> Fields:
    """Return the attributes with an UpdateIndex's changes. Raises `ServiceError`."""
    made = dict(fields)
    for update in updates:
        name, kind = update["Name"], update["Type"]
        known = made.get(name)
        if known is None and name.startswith("_"):
            raise bad(f"{name}: names that begin with _ are reserved")
        if known is not None and known["Type"] != kind:
            raise bad(f"{name} is of type {known['Type']}, which cannot be changed: choose another name")
        before = known or _field(kind, {}, every=False)
        made[name] = {
            "Type": kind,
            "Relevance": {**before["Relevance"], **(update.get("Relevance") or {})},
            "Search": {**before["Search"], **(update.get("Search") or {})},
        }
        if made[name]["Search"]["Sortable"] and kind == "STRING_LIST_VALUE":
            raise bad(f"{name}: lists cannot be Sortable")
    if len(made) > _MOST_FIELDS:
        raise bad(f"an index has at most {_MOST_FIELDS} attributes")
    return made


def _field(kind: str, search: Mapping[str, bool], *, every: bool) -> dict[str, Any]:
    usual = {
        "Facetable": every,
        "Searchable": kind.startswith("STRING"),
        "Displayable": True,
        "Sortable": every and kind != "STRING_LIST_VALUE",
    }
    relevance: dict[str, Any] = {"Importance": 1}
    if kind == "DATE_VALUE":
        relevance |= {"Freshness": False, "Duration": "25920000s", "RankOrder": "ASCENDING"}
    elif kind == "LONG_VALUE":
        relevance |= {"RankOrder": "ASCENDING"}
    return {"Type": kind, "Relevance": relevance, "Search": {**usual, **search}}


def need(fields: Fields, name: str, flag: str = "") -> dict[str, Any]:
    """Return an attribute of the index that is, say, Facetable. Raises `ServiceError`."""
    if name not in fields:
        raise bad(f"the index has no attribute {name}: add it by UpdateIndex")
    if flag and not fields[name]["Search"][flag]:
        raise bad(f"the attribute {name} is not {flag}: set it by UpdateIndex")
    return fields[name]


def value_of(fields: Fields, attribute: Mapping[str, Any]) -> tuple[str, Value]:
    """Return name and value of a DocumentAttribute. Raises `ServiceError`."""
    name, given = attribute["Key"], attribute["Value"]
    kind = need(fields, name)["Type"]
    members = [(member, value) for member, value in given.items() if value is not None]
    if len(members) != 1:
        raise bad(f"the attribute {name} needs one value")
    member, value = members[0]
    if _MEMBERS[member] != kind:
        raise bad(f"the attribute {name} is of type {kind}, not {_MEMBERS[member]}")
    return name, tuple(value) if isinstance(value, list) else value


def shown(name: str, value: Value) -> dict[str, Any]:
    """Return a value as a DocumentAttribute."""
    return {"Key": name, "Value": value_shown(value)}


def value_shown(value: Value) -> dict[str, Any]:
    """Return a value as a DocumentAttributeValue."""
    match value:
        case str():
            return {"StringValue": value}
        case datetime():
            return {"DateValue": value}
        case int():
            return {"LongValue": value}
        case _:
            return {"StringListValue": list(value)}


def kept(attributes: Mapping[str, Value]) -> dict[str, Any]:
    """Return attributes as JSON; `read` is its inverse."""
    return {
        name: {"date": value.timestamp()} if isinstance(value, datetime) else value
        for name, value in attributes.items()
    }


def read(attributes: Mapping[str, Any]) -> dict[str, Value]:
    """Return attributes from what `kept` made."""
    found: dict[str, Value] = {}
    for name, value in attributes.items():
        if isinstance(value, dict):
            found[name] = datetime.fromtimestamp(value["date"], UTC)
        else:
            found[name] = tuple(value) if isinstance(value, list) else value
    return found


def grant(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a list of access as it is kept."""
    return {
        "name": entry["Name"],
        "group": entry["Type"] == "GROUP",
        "allow": entry["Access"] == "ALLOW",
        "source": entry.get("DataSourceId") or "",
    }


def levels(given: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the lists of access of a document or a configuration, as rows have them."""
    found = [level["PrincipalList"] for level in given.get("HierarchicalAccessControlList") or []]
    if given.get("AccessControlList"):
        found.append(given["AccessControlList"])
    return [[grant(entry) for entry in level] for level in found if level]


def condition(fields: Fields, given: Mapping[str, Any] | None, depth: int = 0) -> Condition:
    """Return an AttributeFilter as a condition. Raises `ServiceError`."""
    if not depth and _conditions(given) > _MOST_CONDITIONS:
        raise bad(f"AttributeFilter has more than {_MOST_CONDITIONS} conditions: use ContainsAny")
    if depth > _DEEPEST:
        raise bad(f"AttributeFilter is more than {_DEEPEST} conditions deep")
    parts: list[Condition] = []
    for member, value in (given or {}).items():
        if value is None:
            continue
        if member in ("AndAllFilters", "OrAllFilters"):
            inner = tuple(condition(fields, one, depth + 1) for one in value)
            parts.append(All(inner) if member == "AndAllFilters" else Some(inner))
        elif member == "NotFilter":
            parts.append(Not(condition(fields, value, depth + 1)))
        else:
            parts.append(_compare(fields, Comparison(member), value))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _conditions(given: Mapping[str, Any] | None) -> int:
    inner = [one for name in ("AndAllFilters", "OrAllFilters") for one in (given or {}).get(name) or ()]
    inner += [one for one in [(given or {}).get("NotFilter")] if one]
    return 1 + sum(map(_conditions, inner))


def _compare(fields: Fields, comparison: Comparison, attribute: Mapping[str, Any]) -> Compare:
    name, value = value_of(fields, attribute)
    lists = comparison in (Comparison.CONTAINS_ALL, Comparison.CONTAINS_ANY)
    orders = not lists and comparison is not Comparison.EQUALS
    kind = fields[name]["Type"]
    if lists and kind != "STRING_LIST_VALUE":
        raise bad(f"{comparison} is for lists; {name} is of type {kind}")
    if orders and kind not in ("LONG_VALUE", "DATE_VALUE"):
        raise bad(f"{comparison} is for numbers and dates; {name} is of type {kind}")
    return Compare(name, comparison, value)


def boosts(fields: Fields, overrides: list[Mapping[str, Any]]) -> list[Boost]:
    """Return how attributes count, by index and query. Raises `ServiceError`."""
    given = {name: field["Relevance"] for name, field in fields.items()}
    for override in overrides:
        need(fields, override["Name"])
        given[override["Name"]] = {**given[override["Name"]], **(override.get("Relevance") or {})}
    return [
        boost
        for name, relevance in given.items()
        if (boost := _boost(name, fields[name]["Type"], relevance)) is not None
    ]


def _boost(name: str, kind: str, relevance: Mapping[str, Any]) -> Boost | None:
    importance = relevance.get("Importance") or 1
    values = relevance.get("ValueImportanceMap") or {}
    fresh = kind == "DATE_VALUE" and relevance.get("Freshness")
    if importance == 1 and not values and not fresh:
        return None
    seconds = float(str(relevance.get("Duration") or "25920000s").rstrip("s")) if fresh else 0.0
    # The order says which end ranks high: ASCENDING the greatest, as Kendra has it.
    return Boost(name, importance, relevance.get("RankOrder") == "DESCENDING", max(seconds, 0.0), values)
