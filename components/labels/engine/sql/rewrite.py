"""Trino's SQL as a tree, made into one that DuckDB understands and that means the same.

sqlglot translates most of it. What it leaves as it is, or gets wrong, is put right here, node by node; the
functions that it puts in place are DuckDB's own or the macros of `functions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from sqlglot import exp

from brume.labels.engine.sql.date_formats import strftime_of
from brume.labels.engine.sql.statement import RefusedError

ANONYMOUS = "_col?"  # an output column without a name, whose place is known when the query has run
_DIVISIONS = 6  # within one another: the macro names each number four times
ENTRIES = "trino_entries_"  # macros that turn what UNNEST expands into a list of structs, numbered from 0

Node: TypeAlias = exp.Expression


def call(name: str, *arguments: Node) -> exp.Anonymous:
    """Return the call of a function by DuckDB's name."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _number(value: int) -> exp.Literal:
    return exp.Literal.number(value)


def _apply(function: exp.Lambda, *values: Node) -> Node:
    """Return the value of a lambda for arguments: its parameters become those of nested lambdas."""
    body: Node = function.this.copy()
    for parameter, value in reversed(list(zip(function.expressions, values, strict=True))):
        inner = exp.Lambda(this=body, expressions=[parameter.copy()])
        body = call(
            "list_extract", call("list_transform", exp.Array(expressions=[value.copy()]), inner), _number(1)
        )
    return body


def _lambda(node: Node, parameters: int, function: str) -> exp.Lambda:
    if not isinstance(node, exp.Lambda) or len(node.expressions) != parameters:
        raise RefusedError(
            f"{function} takes a function of {parameters} arguments, such as {_SHAPE[parameters]}"
        )
    return node


_SHAPE = {1: "x -> x > 1", 2: "(k, v) -> v > 1"}


def _given(arguments: list[Node], least: int, most: int, function: str) -> list[Node]:
    if not least <= len(arguments) <= most:
        raise RefusedError(f"{function} takes {least if least == most else f'{least} to {most}'} arguments")
    return arguments


def _match(empty: bool, fold: str) -> Callable[[list[Node], str], Node]:
    def made(arguments: list[Node], name: str) -> Node:
        array, function = _given(arguments, 2, 2, name)
        folded = call(fold, call("list_transform", array, _lambda(function, 1, name)))
        found: Node = call("coalesce", folded, exp.Boolean(this=empty))
        if name == "none_match":
            found = exp.Not(this=found)
        return exp.Case(
            ifs=[exp.If(this=exp.Not(this=exp.Is(this=array.copy(), expression=exp.Null())), true=found)]
        )

    return made


def _zip_with(arguments: list[Node], name: str) -> Node:
    first, second, function = _given(arguments, 3, 3, name)
    pair = exp.column("pair_")
    parts = (call("struct_extract_at", pair, _number(place)) for place in (1, 2))
    body = _apply(_lambda(function, 2, name), *parts)
    return call(
        "list_transform", call("list_zip", first, second), exp.Lambda(this=body, expressions=[_name("pair_")])
    )


def _name(text: str) -> exp.Identifier:
    return exp.to_identifier(text)


def _entry(field: str) -> Node:
    return call("struct_extract", exp.column("entry_"), exp.Literal.string(field))


def _over_entries(change: Callable[[exp.Lambda], Node], keep: bool) -> Callable[[list[Node], str], Node]:
    """Return the maker of a function over the entries of a map, which are kept or replaced."""

    def made(arguments: list[Node], name: str) -> Node:
        mapping, function = _given(arguments, 2, 2, name)
        each = exp.Lambda(this=change(_lambda(function, 2, name)), expressions=[_name("entry_")])
        entries = call("map_entries", mapping)
        return call("map_from_entries", call("list_filter" if keep else "list_transform", entries, each))

    return made


def _struct(key: Node, value: Node) -> Node:
    fields = (("key", key), ("value", value))
    return exp.Struct(
        expressions=[exp.PropertyEQ(this=_name(name), expression=item) for name, item in fields]
    )


def _format_datetime(arguments: list[Node], name: str) -> Node:
    value, form = _given(arguments, 2, 2, name)
    return call("strftime", exp.cast(value.copy(), "TIMESTAMP"), exp.Literal.string(strftime_of(form)))


def _renamed(target: str, least: int, most: int) -> Callable[[list[Node], str], Node]:
    return lambda arguments, name: call(target, *_given(arguments, least, most, name))


def _json_exists(arguments: list[Node], name: str) -> Node:
    value, path = _given(arguments, 2, 2, name)
    return call("json_exists", value, _lax(path))


def _lax(path: Node) -> Node:
    """Return a path without the mode of SQL's own JSON functions."""
    text = str(path.this) if isinstance(path, exp.Literal) else ""
    mode, _, rest = text.partition(" ")
    if mode.lower() not in ("lax", "strict") or not rest:
        raise RefusedError("the path of an SQL/JSON function is written 'lax $.a' or 'strict $.a'")
    return exp.Literal.string(rest.strip())


# Functions that sqlglot has no node for.
_BY_NAME: dict[str, Callable[[list[Node], str], Node]] = {
    "any_match": _match(False, "list_bool_or"),
    "all_match": _match(True, "list_bool_and"),
    "none_match": _match(False, "list_bool_or"),
    "zip_with": _zip_with,
    "map_filter": _over_entries(lambda function: _apply(function, _entry("key"), _entry("value")), keep=True),
    "transform_values": _over_entries(
        lambda function: _struct(_entry("key"), _apply(function, _entry("key"), _entry("value"))), keep=False
    ),
    "transform_keys": _over_entries(
        lambda function: _struct(_apply(function, _entry("key"), _entry("value")), _entry("value")),
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


def _reduce(node: exp.Reduce) -> Node:
    folded = call("list_reduce", node.this, node.args["merge"], node.args["initial"])
    return _apply(_lambda(node.args["finish"], 1, "reduce"), folded)


def _random(node: exp.Rand) -> Node:
    low, high = node.this, node.args.get("lower")
    if low is None:
        return call("random")
    return call("trino_random", low, high) if high is not None else call("trino_random", _number(0), low)


def _date_add(node: exp.DateAdd) -> Node:
    amount = exp.Interval(this=node.expression.copy(), unit=node.args["unit"].copy())
    return call("trino_plus", node.this, amount)


def _unit(node: Node) -> exp.Literal:
    return exp.Literal.string(node.args["unit"].name.lower())


def _extract(node: exp.Extract) -> Node:
    field = {"dow": "isodow", "day_of_week": "isodow", "doy": "dayofyear", "day_of_year": "dayofyear"}
    field |= {"yow": "isoyear", "year_of_week": "isoyear", "day_of_month": "day"}
    name = field.get(node.this.name.lower())
    return call(name, node.expression) if name else node


def _shifted(node: exp.Add | exp.Sub) -> Node:
    """A date and an interval make a date; DuckDB makes them a timestamp."""
    name = "trino_plus" if isinstance(node, exp.Add) else "trino_minus"
    if isinstance(node.expression, exp.Interval) and not isinstance(node.this, exp.Interval):
        return call(name, node.this, node.expression)
    return node


def _data_type(node: exp.DataType) -> Node:
    """Digits of fractions of a second are no part of a time's type here."""
    if node.this in (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIME):
        node.set("expressions", [])
    return node


def _divide(node: exp.Div) -> Node:
    depth, above = 0, node.parent
    while above is not None and not isinstance(above, exp.Select):
        depth, above = depth + isinstance(above, exp.Div), above.parent
    if depth >= _DIVISIONS:
        raise RefusedError(
            f"more than {_DIVISIONS} divisions within one another are not taken: multiply the divisors"
        )
    return call("trino_divide", node.this, node.expression)


def _cast(node: exp.Cast) -> Node:
    """Return a cast that makes the text that Trino makes of a time.

    A decimal without digits has those of its literal, or else none after the point; DuckDB's has three.
    """
    kind = node.to
    if kind.this == exp.DataType.Type.VARCHAR and type(node) is exp.Cast:
        made = call("trino_varchar", node.this)
        return call("left", made, kind.expressions[0].this) if kind.expressions else made
    if kind.this == exp.DataType.Type.DECIMAL and not kind.expressions:
        text = str(node.this.this) if isinstance(node.this, exp.Literal) else ""
        if re.fullmatch(r"\d*\.\d+|\d+", text):
            return exp.Literal.number(text)
        node.set("to", exp.DataType.build("DECIMAL(38, 0)"))
    return node


def _json(name: str) -> Callable[[Any], Node]:
    def made(node: Any) -> Node:
        path = node.expression
        if isinstance(node, exp.JSONExtract) and node.args.get("json_query"):
            path = _lax(path)
        return call(name, node.this, path)

    return made


def _separated(node: exp.GroupConcat) -> Node:
    if node.args.get("separator") is None:
        node.set("separator", exp.Literal.string(""))
    return node


_BY_NODE: dict[type[Node], Callable[[Any], Node]] = {
    exp.ArraySize: lambda node: call("trino_cardinality", node.this),
    exp.DateDiff: lambda node: call("date_sub", _unit(node), node.expression, node.this),
    exp.TimestampTrunc: lambda node: call("trino_date_trunc", _unit(node), node.this),
    exp.DateTrunc: lambda node: call("trino_date_trunc", _unit(node), node.this),
    exp.DateAdd: _date_add,
    exp.Add: _shifted,
    exp.Sub: _shifted,
    exp.AtTimeZone: lambda node: call("trino_at_timezone", node.this, node.args["zone"]),
    exp.RegexpExtract: lambda node: call(
        "trino_regexp_extract", node.this, node.expression, node.args.get("group") or _number(0)
    ),
    exp.RegexpReplace: lambda node: call(
        "trino_regexp_replace", node.this, node.expression, node.args["replacement"]
    ),
    exp.JSONExtractScalar: _json("trino_json_extract_scalar"),
    exp.JSONExtract: _json("trino_json_extract"),
    exp.JSONValue: lambda node: call("trino_json_extract_scalar", node.this, _lax(node.args["path"])),
    exp.JSONArrayContains: lambda node: call("json_array_contains", node.this, node.expression),
    exp.ArraySlice: lambda node: call("trino_slice", node.this, node.args["start"], node.args["end"]),
    exp.ArrayPosition: lambda node: call("trino_array_position", node.this, node.expression),
    exp.ArrayDistinct: lambda node: call("trino_array_distinct", node.this),
    exp.ArrayRemove: lambda node: call("trino_array_remove", node.this, node.expression),
    exp.Reduce: _reduce,
    exp.Rand: _random,
    exp.Typeof: lambda node: call("trino_typeof", node.this),
    exp.GenerateSeries: lambda node: (
        call("trino_sequence", node.args["start"], node.args["end"], node.args["step"])
        if isinstance(node.args.get("step"), exp.Interval)
        else node
    ),
    exp.Format: lambda node: call("printf", node.this, *node.expressions),
    exp.ParseDatetime: lambda node: exp.cast(
        call("strptime", node.this, exp.Literal.string(strftime_of(node.args["format"]))), "TIMESTAMPTZ"
    ),
    exp.Extract: _extract,
    exp.DataType: _data_type,
    exp.Div: _divide,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.GroupConcat: _separated,
}


def rewrite(tree: Node) -> tuple[Node, int]:
    """Return the tree for DuckDB and how many macros ENTRIES it uses. Raises `RefusedError`."""
    for select in list(tree.find_all(exp.Select)):
        _name_columns(select)
    entries = 0
    for unnest in list(tree.find_all(exp.Unnest)):
        entries = _expand(unnest, entries)
    # From the leaves up, so that what is replaced has its final arguments.
    for node in reversed(list(tree.walk(bfs=True))):
        made = _rewritten(node)
        if made is not node:
            if node is tree:
                tree = made
            else:
                node.replace(made)
    return tree, entries


def _rewritten(node: Node) -> Node:
    if isinstance(node, exp.Anonymous):
        maker = _BY_NAME.get(str(node.this).lower())
        return maker(node.expressions, str(node.this).lower()) if maker else node
    change = _BY_NODE.get(type(node))
    return change(node) if change else node


def _name_columns(select: exp.Select) -> None:
    """Name what Trino would: an item without a name is `_col` and its place, from 0."""
    starred = False
    for place, item in enumerate(select.expressions):
        starred = starred or item.is_star
        named = isinstance(item, (exp.Alias, exp.Column, exp.Dot, exp.Aliases)) or item.is_star
        if not named:
            name = ANONYMOUS if starred else f"_col{place}"
            item.replace(exp.alias_(item.copy(), name, quoted=True))


def _expand(unnest: exp.Unnest, entries: int) -> int:
    """Turn an UNNEST that DuckDB has not into a subquery beside it: of several arrays, a map, or rows."""
    arguments = unnest.expressions
    alias = unnest.args.get("alias")
    names = list(alias.args.get("columns") or []) if alias else []
    ordinal = unnest.args.get("offset")
    columns = len(names)
    if len(arguments) == 1 and columns <= 1:
        return entries
    if columns not in (0, len(arguments)) and len(arguments) > 1:
        raise RefusedError(
            f"UNNEST of {len(arguments)} arguments has {columns} names: give one for each, and unnest maps "
            "and arrays of rows one at a time"
        )
    items: list[Node] = []
    if len(arguments) == 1:
        macro = call(f"{ENTRIES}{entries}", arguments[0])
        depth = exp.PropertyEQ(this=_name("max_depth"), expression=_number(2))
        items.append(exp.Anonymous(this="unnest", expressions=[macro, depth]))
        entries += 1
    else:
        items += [call("unnest", argument) for argument in arguments]
    if ordinal:
        sizes = [call("trino_cardinality", argument) for argument in arguments]
        longest = sizes[0] if len(sizes) == 1 else call("greatest", *sizes)
        items.append(call("unnest", call("generate_series", _number(1), longest)))
        if isinstance(ordinal, exp.Identifier):
            names.append(ordinal)
    query = exp.Subquery(this=exp.Select(expressions=items))
    if alias:
        query.set("alias", exp.TableAlias(this=alias.this, columns=[name.copy() for name in names]))
    unnest.replace(query)
    return entries
