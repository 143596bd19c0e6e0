"""Parts of syntax trees in DuckDB's SQL, and checks of what a function is given."""

from __future__ import annotations

from typing import TypeAlias

from sqlglot import exp

from brume.labels.engine.sql.statement import RefusedError

Node: TypeAlias = exp.Expression
_SHAPE = {1: "x -> x > 1", 2: "(k, v) -> v > 1"}  # a lambda of so many parameters, for messages


def call(name: str, *arguments: Node) -> exp.Anonymous:
    """Return the call of a function by DuckDB's name."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def number(value: int) -> exp.Literal:
    """Return a whole number."""
    return exp.Literal.number(value)


def apply(function: exp.Lambda, *values: Node) -> Node:
    """Return the value of a lambda for arguments: its parameters become those of nested lambdas."""
    body: Node = function.this.copy()
    for parameter, value in reversed(list(zip(function.expressions, values, strict=True))):
        inner = exp.Lambda(this=body, expressions=[parameter.copy()])
        body = call(
            "list_extract", call("list_transform", exp.Array(expressions=[value.copy()]), inner), number(1)
        )
    return body


def require_lambda(node: Node, parameters: int, function: str) -> exp.Lambda:
    """Return a lambda of so many parameters. Raises `RefusedError` for another node."""
    if not isinstance(node, exp.Lambda) or len(node.expressions) != parameters:
        raise RefusedError(
            f"{function} takes a function of {parameters} arguments, such as {_SHAPE[parameters]}"
        )
    return node


def require_arguments(arguments: list[Node], least: int, most: int, function: str) -> list[Node]:
    """Return the arguments of a function. Raises `RefusedError` for too few or too many."""
    if not least <= len(arguments) <= most:
        raise RefusedError(f"{function} takes {least if least == most else f'{least} to {most}'} arguments")
    return arguments


def identifier(text: str) -> exp.Identifier:
    """Return a name, in quotes where it needs them."""
    return exp.to_identifier(text)


def path_without_mode(path: Node) -> Node:
    """Return the path of one of SQL's own JSON functions without its mode. Raises `RefusedError`."""
    text = str(path.this) if isinstance(path, exp.Literal) else ""
    mode, _, rest = text.partition(" ")
    if mode.lower() not in ("lax", "strict") or not rest:
        raise RefusedError("the path of an SQL/JSON function is written 'lax $.a' or 'strict $.a'")
    return exp.Literal.string(rest.strip())
