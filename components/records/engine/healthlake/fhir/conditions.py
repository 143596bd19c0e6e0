"""Criteria of a search as conditions of SQL, on the current versions of resources.

A criterion is looked up in the table of keys by its values; what is found there are ids. Chains go on to
the resources that are referred to, which have to be there for the caller too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select, tuple_, union_all

from brume.records.engine.healthlake import store
from brume.records.engine.healthlake.tables import KEYS, VERSIONS
from brume.records.engine.healthlake.visibility import Patients
from brume.records.model.fhir.criteria import Value
from brume.records.model.fhir.keys import IDENTIFIER, UPDATED
from brume.records.model.fhir.parameters import Kind, types_with
from brume.records.model.fhir.query import Criterion, Search
from brume.records.model.references import URN

Match = Callable[[Any, Value], ColumnElement[bool]]
_IDENTIFIERS = KEYS.alias("identifiers")
_LAST: Mapping[tuple[bool, bool], Any] = {  # by whether it is a number, and whether it descends
    (True, False): 1e300,
    (True, True): -1e300,
    (False, False): "\U0010ffff",
    (False, True): "",
}


def matching(
    db: Connection, datastore: str, patients: Patients, types: Sequence[str], criteria: Sequence[Criterion]
) -> Select[Any]:
    """Return the resources of some types that are there for the caller and meet all criteria."""
    found = store.current(db, datastore, patients)
    if types:
        found = found.where(VERSIONS.c.type.in_(types))
    for one in criteria:
        found = found.where(_condition(db, datastore, patients, types, one))
    return found


def _condition(
    db: Connection, datastore: str, patients: Patients, types: Sequence[str], criterion: Criterion
) -> ColumnElement[bool]:
    parameter, modifier = criterion.parameter, criterion.modifier
    if parameter.name in ("_id", UPDATED):
        return _own(criterion)
    keys = select(KEYS.c.type, KEYS.c.id).where(KEYS.c.datastore == datastore)
    if types:
        keys = keys.where(KEYS.c.type.in_(types))
    named = keys.where(KEYS.c.parameter == parameter.name)
    by_identifier = keys.where(KEYS.c.parameter == parameter.name + IDENTIFIER)
    if modifier in ("missing", "present"):
        either = KEYS.c.parameter.in_([parameter.name, parameter.name + IDENTIFIER])
        return _among(types, keys.where(either), negated=modifier == "missing")
    if modifier == "has":
        return _has(db, datastore, patients, types, criterion)
    if criterion.then is not None:
        wanted = matching(db, datastore, patients, criterion.types, [criterion.then]).subquery()
        return or_(
            _among(types, named.join(wanted, _names(KEYS, wanted))),
            _among(types, _through(by_identifier, datastore).join(wanted, _is(_IDENTIFIERS, wanted))),
        )
    if parameter.kind is Kind.REFERENCE and modifier != "identifier":
        return _reference(datastore, types, criterion, named, by_identifier)
    match = _token if modifier == "identifier" else _matches(parameter.kind, modifier)
    found = by_identifier if modifier == "identifier" else named
    wanted_keys = found.where(or_(*(match(KEYS.c, value) for value in criterion.values)))
    return _among(types, wanted_keys, negated=modifier == "not")


def _has(
    db: Connection, datastore: str, patients: Patients, types: Sequence[str], criterion: Criterion
) -> ColumnElement[bool]:
    """Return the condition that resources which meet the further criterion refer to a version."""
    assert criterion.then is not None
    sources = matching(db, datastore, patients, criterion.types, [criterion.then]).subquery()
    theirs = and_(sources.c.type == KEYS.c.type, sources.c.id == KEYS.c.id)
    among = []
    for keys in referred(datastore, criterion.parameter.name):
        target = keys.selected_columns.type
        among.append(keys.join(sources, theirs).where(KEYS.c.datastore == datastore, target.in_(types)))
    return _among(types, union_all(*among))


def _among(types: Sequence[str], keys: Any, *, negated: bool = False) -> ColumnElement[bool]:
    """Return the condition that a version is one of those that a selection of types and ids has."""
    found = keys.subquery()
    if len(types) == 1:  # an id finds it by the index
        column, wanted = VERSIONS.c.id, select(found.c.id)
        return column.not_in(wanted) if negated else column.in_(wanted)
    pair = tuple_(VERSIONS.c.type, VERSIONS.c.id)
    condition = pair.in_(select(found.c.type, found.c.id))
    return ~condition if negated else condition


def _own(criterion: Criterion) -> ColumnElement[bool]:
    """Return the condition of what is a column of the version: its id, its time."""
    if criterion.parameter.name == "_id":
        if criterion.modifier in ("missing", "present"):
            return VERSIONS.c.id != "" if criterion.modifier == "present" else false()
        among = VERSIONS.c.id.in_([value.value for value in criterion.values])
        return ~among if criterion.modifier == "not" else among
    if criterion.modifier in ("missing", "present"):
        return VERSIONS.c.id != "" if criterion.modifier == "present" else false()
    at = VERSIONS.c.updated
    return or_(*(_within(at, at, one.prefix, one.low / 1000, one.high / 1000) for one in criterion.values))


def _reference(
    datastore: str, types: Sequence[str], criterion: Criterion, named: Any, by_identifier: Any
) -> ColumnElement[bool]:
    """Return the condition of references by type and id, and by an identifier of what has these."""
    literal, through = [], []
    for value in criterion.values:
        wanted = [value.system] if value.system else list(criterion.types)
        literal.append(and_(KEYS.c.value == value.value, *([KEYS.c.system.in_(wanted)] if wanted else [])))
        has = [_IDENTIFIERS.c.type.in_(wanted)] if wanted else []
        through.append(and_(_IDENTIFIERS.c.id == value.value, *has))
    urns = [f"urn:uuid:{value.value}" for value in criterion.values]
    by_urn = by_identifier.where(KEYS.c.system == URN, KEYS.c.value.in_(urns))
    known = union_all(
        named.where(or_(*literal)), by_urn, _through(by_identifier, datastore).where(or_(*through))
    )
    return _among(types, known)


def _through(by_identifier: Any, datastore: str) -> Any:
    """Return a selection of references by identifier, joined to the identifiers that resources have."""
    return by_identifier.join(_IDENTIFIERS, identified(KEYS, _IDENTIFIERS, datastore))


def identified(reference: Any, identifier: Any, datastore: str) -> ColumnElement[bool]:
    """Return the condition that a key of a reference by identifier means what has a key of an identifier."""
    return and_(
        identifier.c.datastore == datastore,
        identifier.c.type.in_(types_with("identifier")),  # so that the index of values is of use
        identifier.c.parameter == "identifier",
        identifier.c.value == reference.c.value,
        or_(reference.c.system == "", identifier.c.system == reference.c.system),
    )


def referred(datastore: str, parameter: str) -> tuple[Select[Any], Select[Any]]:
    """Return types and ids that keys of a parameter refer to, by these and by identifiers; to be narrowed."""
    # The name as a term leaves SQLite the index of resources, which narrows more.
    name = KEYS.c.parameter + ""
    literal = select(KEYS.c.system.label("type"), KEYS.c.value.label("id")).where(name == parameter)
    through = (
        select(_IDENTIFIERS.c.type, _IDENTIFIERS.c.id)
        .select_from(KEYS.join(_IDENTIFIERS, identified(KEYS, _IDENTIFIERS, datastore)))
        .where(name == parameter + IDENTIFIER)
    )
    return literal, through


def _names(reference: Any, target: Any) -> ColumnElement[bool]:
    return and_(reference.c.system == target.c.type, reference.c.value == target.c.id)


def _is(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(one.c.type == other.c.type, one.c.id == other.c.id)


def _matches(kind: Kind, modifier: str) -> Match:
    if kind is Kind.STRING:
        return {"exact": _exact, "contains": _contains}.get(modifier, _begins)
    return {
        Kind.TOKEN: _token,
        Kind.DATE: _range,
        Kind.NUMBER: _number,
        Kind.QUANTITY: _quantity,
        Kind.URI: _same,
        Kind.COMPOSITE: _composite,
    }[kind]


def _token(key: Any, value: Value) -> ColumnElement[bool]:
    wanted = []
    if value.system is not None:
        wanted.append(key.system == value.system)
    if value.value or not value.system:
        wanted.append(key.value == value.value)
    return and_(*wanted)


def _same(key: Any, value: Value) -> ColumnElement[bool]:
    found: ColumnElement[bool] = key.value == value.value
    return found


def _begins(key: Any, value: Value) -> ColumnElement[bool]:
    found: ColumnElement[bool] = key.value.startswith(value.value, autoescape=True)
    return found


def _contains(key: Any, value: Value) -> ColumnElement[bool]:
    found: ColumnElement[bool] = key.value.contains(value.value, autoescape=True)
    return found


def _exact(key: Any, value: Value) -> ColumnElement[bool]:
    found: ColumnElement[bool] = key.system == value.system
    return found


def _range(key: Any, value: Value) -> ColumnElement[bool]:
    return _within(key.low, key.high, value.prefix, value.low, value.high)


def _number(key: Any, value: Value) -> ColumnElement[bool]:
    return _within(key.low, key.low, value.prefix, value.low, value.high)


def _quantity(key: Any, value: Value) -> ColumnElement[bool]:
    wanted = [_number(key, value)]
    if value.system is not None:
        wanted.append(key.system == value.system)
    if value.value:
        wanted.append(key.value == value.value)
    return and_(*wanted)


def _composite(key: Any, value: Value) -> ColumnElement[bool]:
    second = key.system == value.system if value.system is not None else _number(key, value)
    return and_(_begins(key, value), second)


def _within(low: Any, high: Any, prefix: str, first: float, last: float) -> ColumnElement[bool]:
    """Compare a range with the one that is looked for (hl7.org/fhir/R4/search.html#prefix)."""
    conditions: Mapping[str, Callable[[], ColumnElement[bool]]] = {
        "eq": lambda: and_(low >= first, high <= last),
        "ne": lambda: or_(low < first, high > last),
        "gt": lambda: high > last,
        "lt": lambda: low < first,
        "ge": lambda: or_(high > last, low >= first),
        "le": lambda: or_(low < first, high <= last),
        "sa": lambda: low > last,
        "eb": lambda: high < first,
    }
    return conditions[prefix]()


def ordering(
    datastore: str, search: Search, found: Select[Any]
) -> tuple[Select[Any], list[ColumnElement[Any]], list[bool]]:
    """Return a search's matches in its order: the selection, the columns of the order, which descend.

    The columns have the values of a position. What has no value comes last; ids order what is equal.
    """
    rows = found.subquery()
    columns: list[ColumnElement[Any]] = []
    joined: Any = rows
    for number, (parameter, descending) in enumerate(search.sort):
        if parameter.name in ("_id", UPDATED):
            columns.append(rows.c.id if parameter.name == "_id" else rows.c.updated)
            continue
        numeric = parameter.kind in (Kind.DATE, Kind.NUMBER, Kind.QUANTITY)
        value = func.coalesce(KEYS.c.high, KEYS.c.low) if numeric and descending else KEYS.c.low
        value = value if numeric else KEYS.c.value
        least = (func.max if descending else func.min)(value).label("value")
        mine = (
            select(KEYS.c.id, least)
            .where(KEYS.c.datastore == datastore, KEYS.c.type == search.type)
            .where(KEYS.c.parameter == parameter.name)
            .group_by(KEYS.c.id)
            .subquery(f"order_{number}")
        )
        joined = joined.outerjoin(mine, mine.c.id == rows.c.id)
        last = _LAST[numeric, descending]
        columns.append(func.coalesce(mine.c.value, last))
    columns.append(rows.c.id)
    directions = [*(descending for _, descending in search.sort), False]
    named = [column.label(f"place_{number}") for number, column in enumerate(columns)]
    ordered = [
        column.desc() if down else column.asc() for column, down in zip(columns, directions, strict=True)
    ]
    return select(rows, *named).select_from(joined).order_by(*ordered), columns, directions
