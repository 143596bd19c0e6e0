"""ViewDefinitions of SQL on FHIR 2, checked and compiled.

Source: sql-on-fhir.org/ig/latest/StructureDefinition-ViewDefinition.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brume.records.model.fhir_types import RESOURCE_TYPES
from brume.records.model.views.elements import NUMBERS, PRIMITIVES, Expression
from brume.records.model.views.errors import ViewError
from brume.records.model.views.expressions import RESERVED, ROW_INDEX, compile_path
from brume.records.model.views.syntax import Literal

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_DEPTH = 32  # selects within selects
_SELECT = frozenset({"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll"})
_COLUMN = frozenset({"name", "path", "type", "collection", "description", "tag"})


@dataclass(frozen=True)
class Column:
    """A column: its values, their type in FHIR (None: texts, else JSON), whether they make a list."""

    name: str
    path: Expression
    type: str | None
    collection: bool
    is_row_index: bool


@dataclass(frozen=True)
class Select:
    """A part of a view; `each` are the elements that make a row each, or those where `repeat` begins."""

    columns: tuple[Column, ...]
    selects: tuple[Select, ...]
    unions: tuple[Select, ...]
    each: Expression | None
    or_null: bool
    repeat: tuple[Expression, ...]

    def all_columns(self) -> Iterator[Column]:
        """Iterate the columns in the order that the specification gives them."""
        yield from self.columns
        for select in self.selects:
            yield from select.all_columns()
        if self.unions:
            yield from self.unions[0].all_columns()


@dataclass(frozen=True)
class View:
    """A view of resources of one type."""

    name: str
    resource: str
    select: Select
    where: tuple[Expression, ...]
    columns: tuple[Column, ...]


def compile_view(value: Any) -> View:
    """Compile a ViewDefinition. Raises `ViewError` that names the place in it."""
    if not isinstance(value, Mapping):
        raise ViewError("a ViewDefinition is a JSON object")
    kind = value.get("resource")
    if kind not in RESOURCE_TYPES:
        raise ViewError(f"resource: {kind!r} is no resource type of FHIR R4")
    constants = dict(_constants(value))
    selects = _listed(value, "select", "select")
    if not selects:
        raise ViewError("select: a view needs one at least")
    compiler = _Compiler(constants)
    parts = tuple(compiler.select(one, f"select[{at}]", 1) for at, one in enumerate(selects))
    select = Select((), parts, (), None, False, ())
    columns = tuple(select.all_columns())
    names = [column.name.lower() for column in columns]  # as SQL compares them
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ViewError(f"select: several columns have the name {doubled[0]!r}")
    if not columns:
        raise ViewError("select: a view needs a column at least")
    where = tuple(
        compiler.path(_field(one, "path", f"where[{at}]"), f"where[{at}].path")
        for at, one in enumerate(_listed(value, "where", "where"))
    )
    return View(str(value.get("name") or ""), kind, select, where, columns)


def is_name(text: Any) -> bool:
    """Return whether a text can be the name of a table or column."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


class _Compiler:
    def __init__(self, constants: Mapping[str, Literal]) -> None:
        self._constants = constants

    def select(self, value: Any, where: str, depth: int) -> Select:
        """Compile a select. Raises `ViewError`."""
        if depth > _DEPTH:
            raise ViewError(f"{where}: there are more than {_DEPTH} selects within selects")
        _check_keys(value, _SELECT, where)
        rows = [key for key in ("forEach", "forEachOrNull", "repeat") if key in value]
        if len(rows) > 1:
            raise ViewError(f"{where}: {' and '.join(rows)} exclude each other")
        each = next((key for key in rows if key != "repeat"), None)
        columns = _listed(value, "column", where)
        selects, unions = _listed(value, "select", where), _listed(value, "unionAll", where)
        if not columns and not selects and not unions:
            raise ViewError(f"{where}: it needs column, select or unionAll")
        found = Select(
            tuple(self._column(one, f"{where}.column[{at}]") for at, one in enumerate(columns)),
            tuple(self.select(one, f"{where}.select[{at}]", depth + 1) for at, one in enumerate(selects)),
            tuple(self.select(one, f"{where}.unionAll[{at}]", depth + 1) for at, one in enumerate(unions)),
            self.path(value[each], f"{where}.{each}") if each else None,
            each == "forEachOrNull",
            tuple(
                self.path(one, f"{where}.repeat[{at}]")
                for at, one in enumerate(_listed(value, "repeat", where))
            ),
        )
        _check_unions(found.unions, where)
        return found

    def path(self, value: Any, where: str) -> Expression:
        """Compile an expression at a place of the view. Raises `ViewError`."""
        if not isinstance(value, str):
            raise ViewError(f"{where}: it must be an expression of FHIRPath in a text")
        try:
            return compile_path(value, self._constants)
        except ViewError as error:
            raise ViewError(f"{where}: {error}") from error

    def _column(self, value: Any, where: str) -> Column:
        _check_keys(value, _COLUMN, where)
        name = value.get("name")
        if not is_name(name):
            raise ViewError(f"{where}.name: {name!r} must be a letter, then letters, digits and _")
        path = self.path(value.get("path"), f"{where}.path")
        kind = value.get("type")
        if kind is not None and not isinstance(kind, str):
            raise ViewError(f"{where}.type: it must be the name of a type of FHIR")
        collection = value.get("collection", False)
        if not isinstance(collection, bool):
            raise ViewError(f"{where}.collection: it must be true or false")
        # A type may stand as the URL of its definition.
        stated = (kind or path.type or "").removeprefix("http://hl7.org/fhir/StructureDefinition/")
        index = value["path"].strip() == f"%{ROW_INDEX}"
        return Column(name, path, stated if stated in PRIMITIVES else None, collection, index)


def _check_unions(unions: Sequence[Select], where: str) -> None:
    shapes = [[(one.name, one.type, one.collection) for one in each.all_columns()] for each in unions]
    for at, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ViewError(
                f"{where}.unionAll[{at}]: its columns must be those of unionAll[0], in their order and with "
                f"their types: {', '.join(name for name, *_ in shapes[0])}"
            )


def _constants(view: Mapping[str, Any]) -> Iterator[tuple[str, Literal]]:
    seen = set()
    for at, one in enumerate(_listed(view, "constant", "constant")):
        where = f"constant[{at}]"
        if not isinstance(one, Mapping) or not is_name(one.get("name")) or one["name"] in RESERVED:
            raise ViewError(f"{where}.name: it must be a letter, then letters, digits and _")
        if one["name"] in seen:
            raise ViewError(f"{where}.name: there are several constants {one['name']!r}")
        seen.add(one["name"])
        values = [key for key in one if key.startswith("value")]
        kind = values[0].removeprefix("value") if len(values) == 1 else ""
        kind = kind[:1].lower() + kind[1:]
        if kind not in PRIMITIVES:
            raise ViewError(f"{where}: it needs one value of a primitive type, such as valueString")
        yield one["name"], Literal(_constant(one[values[0]], kind, f"{where}.{values[0]}"), kind)


def _constant(value: Any, kind: str, where: str) -> Any:
    if kind == "boolean":
        right = isinstance(value, bool)
    elif kind in NUMBERS:
        right = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        right = right and (kind == "decimal" or isinstance(value, int))
    else:
        right = isinstance(value, str)
    if not right:
        raise ViewError(f"{where}: {value!r} is no {kind}")
    return Decimal(repr(value)) if isinstance(value, float) else value


def _listed(value: Mapping[str, Any], key: str, where: str) -> Sequence[Any]:
    found = value.get(key, [])
    if not isinstance(found, list):
        raise ViewError(f"{where}: {key} must be a list")
    return found


def _field(value: Any, key: str, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ViewError(f"{where}: it must be an object")
    return value.get(key)


def _check_keys(value: Any, known: frozenset[str], where: str) -> None:
    if not isinstance(value, Mapping):
        raise ViewError(f"{where}: it must be an object")
    for key in value:
        if key not in known and key not in ("id", "extension", "modifierExtension") and key[:1] != "_":
            raise ViewError(f"{where}: {key!r} is unknown; it can have {', '.join(sorted(known))}")
