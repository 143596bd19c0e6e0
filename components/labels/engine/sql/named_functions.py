"""Trino's functions that sqlglot has no node for, by name, in DuckDB's SQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from brume.labels.engine.sql.date_formats import strftime_of
from brume.labels.engine.sql.nodes import (
    Node,
    apply,
    call,
    identifier,
    number,
    path_without_mode,
    require_arguments,
    require_lambda,
)


def _match(empty: bool, fold: str) -> Callable[[list[Node], str], Node]:
    def made(arguments: list[Node], name: str) -> Node:
        array, function = require_arguments(arguments, 2, 2, name)
        folded = call(fold, call("list_transform", array, require_lambda(function, 1, name)))
        found: Node = call("coalesce", folded, exp.Boolean(this=empty))
        if name == "none_match":
            found = exp.Not(this=found)
        return exp.Case(
            ifs=[exp.If(this=exp.Not(this=exp.Is(this=array.copy(), expression=exp.Null())), true=found)]
        )

    return made


def _zip_with(arguments: list[Node], name: str) -> Node:
    first, second, function = require_arguments(arguments, 3, 3, name)
    pair = exp.column("pair_")
    parts = (call("struct_extract_at", pair, number(place)) for place in (1, 2))
    body = apply(require_lambda(function, 2, name), *parts)
    return call(
        "list_transform",
        call("list_zip", first, second),
        exp.Lambda(this=body, expressions=[identifier("pair_")]),
    )


def _entry(field: str) -> Node:
    return call("struct_extract", exp.column("entry_"), exp.Literal.string(field))


def _over_entries(change: Callable[[exp.Lambda], Node], keep: bool) -> Callable[[list[Node], str], Node]:
    """Return the maker of a function over the entries of a map, which are kept or replaced."""

    def made(arguments: list[Node], name: str) -> Node:
        mapping, function = require_arguments(arguments, 2, 2, name)
        each = exp.Lambda(this=change(require_lambda(function, 2, name)), expressions=[identifier("entry_")])
        entries = call("map_entries", mapping)
        return call("map_from_entries", call("list_filter" if keep else "list_transform", entries, each))

    return made


def _struct(key: Node, value: Node) -> Node:
    fields = (("key", key), ("value", value))
    return exp.Struct(
        expressions=[exp.PropertyEQ(this=identifier(name), expression=item) for name, item in fields]
    )


def _format_datetime(arguments: list[Node], name: str) -> Node:
    value, form = require_arguments(arguments, 2, 2, name)
    return call("strftime", exp.cast(value.copy(), "TIMESTAMP"), exp.Literal.string(strftime_of(form)))


def _renamed(target: str, least: int, most: int) -> Callable[[list[Node], str], Node]:
    return lambda arguments, name: call(target, *require_arguments(arguments, least, most, name))


def _json_exists(arguments: list[Node], name: str) -> Node:
    value, path = require_arguments(arguments, 2, 2, name)
    return call("json_exists", value, path_without_mode(path))


# Functions that sqlglot has no node for.
BY_NAME: dict[str, Callable[[list[Node], str], Node]] = {
    "any_match": _match(False, "list_bool_or"),
    "all_match": _match(True, "list_bool_and"),
    "none_match": _match(False, "list_bool_or"),
    "zip_with": _zip_with,
    "map_filter": _over_entries(lambda function: apply(function, _entry("key"), _entry("value")), keep=True),
    "transform_values": _over_entries(
        lambda function: _struct(_entry("key"), apply(function, _entry("key"), _entry("value"))), keep=False
    ),
    "transform_keys": _over_entries(
        lambda function: _struct(apply(function, _entry("key"), _entry("value")), _entry("value")),
        keep=False,
    ),
    "at_timezone": _renamed("trino_at_timezone", 2, 2),
    "with_timezone": _renamed("trino_with_timezone", 2, 2),
    "to_iso8601": _renamed("trino_to_iso8601", 1, 1),
    "json_array_length": _renamed("trino_json_array_length", 1, 1),
    "json_size": _renamed("trino_json_size", 2, 2),
    "json_exists": _json_exists,
    "format_datetime": _format_datetime,
}
