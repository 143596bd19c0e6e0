"""The rows of a view: the algorithm of SQL on FHIR 2 (sql-on-fhir.org/ig/latest, "Processing Algorithm")."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from brume.records.model import references
from brume.records.model.views.definition import Column, Select, View
from brume.records.model.views.elements import NUMBERS, TEXTS, Scope, is_of
from brume.records.model.views.errors import ResourceError
from brume.records.model.views.operators import Values, single

Row = tuple[Any, ...]
_RANGES = {
    "integer": range(-(2**31), 2**31),
    "integer64": range(-(2**63), 2**63),
    "positiveInt": range(1, 2**31),
    "unsignedInt": range(2**31),
}  # hl7.org/fhir/R4/datatypes.html#primitive
_DEEPEST = 100  # levels that `repeat` goes down; FHIR's own nesting is far below it


def key_of(reference: Any) -> tuple[str, str]:
    """Return type and id that a literal Reference names; ("", "") for others."""
    found = references.parse(reference)
    return (found.type, found.id) if isinstance(found, references.Literal) else ("", "")


def rows(
    view: View, resource: Mapping[str, Any], key_of: Callable[[Any], tuple[str, str]] = key_of
) -> list[Row]:
    """Return the rows of a resource, whose numbers with a fraction are `Decimal`s, in the order of `columns`.

    Raises `ResourceError`, which names the column, where the view cannot be applied to it.
    """
    scope = Scope(resource, 0, key_of)
    focus = [resource]
    for at, condition in enumerate(view.where):
        holds = single(condition.run(focus, scope), f"where[{at}]")
        if holds is not None and not isinstance(holds, bool):
            raise ResourceError(f"where[{at}] must be true or false: use exists() or a comparison")
        if not holds:
            return []
    return list(_rows(view.select, focus, scope))


def _rows(select: Select, focus: Values, scope: Scope) -> Iterator[Row]:
    if select.each is None and not select.repeat:
        yield from _combined(select, focus, scope)
        return
    found = select.each.run(focus, scope) if select.each else list(_repeated(select, focus, scope, 0))
    if not found and select.or_null:
        yield tuple(0 if column.is_row_index else None for column in select.all_columns())
    for at, one in enumerate(found):
        yield from _combined(select, [one], scope._replace(row=at))


def _repeated(select: Select, focus: Values, scope: Scope, depth: int) -> Iterator[Any]:
    """Iterate what the paths of `repeat` lead to, each before what it has."""
    if depth > _DEEPEST:
        raise ResourceError(f"repeat goes down more than {_DEEPEST} levels")
    for path in select.repeat:
        for one in path.run(focus, scope):
            yield one
            yield from _repeated(select, [one], scope, depth + 1)


def _combined(select: Select, focus: Values, scope: Scope) -> Iterator[Row]:
    """Iterate every combination of the rows of columns, selects and unions."""
    parts: list[Sequence[Row]] = [[tuple(_value(column, focus, scope) for column in select.columns)]]
    parts += [list(_rows(part, focus, scope)) for part in select.selects]
    if select.unions:
        parts.append([row for part in select.unions for row in _rows(part, focus, scope)])
    for some in itertools.product(*parts):
        yield tuple(itertools.chain.from_iterable(some))


def _value(column: Column, focus: Values, scope: Scope) -> Any:
    try:
        found = column.path.run(focus, scope)
        if column.collection:
            return [_stored(one, column) for one in found]
        if len(found) > 1:
            raise ResourceError(f"there are {len(found)} values: use first(), forEach or collection")
        return _stored(found[0], column) if found else None
    except ResourceError as error:
        raise ResourceError(f"column {column.name}: {error}") from error


def _stored(value: Any, column: Column) -> Any:
    """Return a value as its column holds it; what has no type of its own becomes text, objects JSON."""
    kind = column.type
    if kind in NUMBERS and isinstance(value, Decimal) and kind != "decimal" and value == int(value):
        value = int(value)
    if kind is None or kind in TEXTS:
        return value if isinstance(value, str) else orjson.dumps(value, default=_number).decode()
    if not is_of(value, kind) or (kind in _RANGES and value not in _RANGES[kind]):
        raise ResourceError(f"a value is no {kind}")
    return float(value) if kind == "decimal" else value


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError
