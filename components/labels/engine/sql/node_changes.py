"""Nodes of sqlglot's trees that mean something else in DuckDB: what stands for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from brume.labels.engine.sql.date_formats import strftime_of
from brume.labels.engine.sql.nodes import Node, apply, call, number, path_without_mode, require_lambda
from brume.labels.engine.sql.statement import RefusedError

_DIVISIONS = 6  # within one another: the macro names each number four times


def _reduce(node: exp.Reduce) -> Node:
    folded = call("list_reduce", node.this, node.args["merge"], node.args["initial"])
    return apply(require_lambda(node.args["finish"], 1, "reduce"), folded)


def _random(node: exp.Rand) -> Node:
    low, high = node.this, node.args.get("lower")
    if low is None:
        return call("random")
    return call("trino_random", low, high) if high is not None else call("trino_random", number(0), low)


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
            path = path_without_mode(path)
        return call(name, node.this, path)

    return made


def _separated(node: exp.GroupConcat) -> Node:
    if node.args.get("separator") is None:
        node.set("separator", exp.Literal.string(""))
    return node


BY_NODE: dict[type[Node], Callable[[Any], Node]] = {
    exp.ArraySize: lambda node: call("trino_cardinality", node.this),
    exp.DateDiff: lambda node: call("date_sub", _unit(node), node.expression, node.this),
    exp.TimestampTrunc: lambda node: call("trino_date_trunc", _unit(node), node.this),
    exp.DateTrunc: lambda node: call("trino_date_trunc", _unit(node), node.this),
    exp.DateAdd: _date_add,
    exp.Add: _shifted,
    exp.Sub: _shifted,
    exp.AtTimeZone: lambda node: call("trino_at_timezone", node.this, node.args["zone"]),
    exp.RegexpExtract: lambda node: call(
        "trino_regexp_extract", node.this, node.expression, node.args.get("group") or number(0)
    ),
    exp.RegexpReplace: lambda node: call(
        "trino_regexp_replace", node.this, node.expression, node.args["replacement"]
    ),
    exp.JSONExtractScalar: _json("trino_json_extract_scalar"),
    exp.JSONExtract: _json("trino_json_extract"),
    exp.JSONValue: lambda node: call(
        "trino_json_extract_scalar", node.this, path_without_mode(node.args["path"])
    ),
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
