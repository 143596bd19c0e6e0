"""UNNEST with several names or arguments, which DuckDB does not have, as a subquery."""

from __future__ import annotations

from sqlglot import exp

from brume.labels.engine.sql.nodes import Node, call, identifier, number
from brume.labels.engine.sql.statement import RefusedError

ENTRIES = "trino_entries_"  # macros that turn what UNNEST expands into a list of structs, numbered from 0


def expand(unnest: exp.Unnest, entries: int) -> int:
    """Turn an UNNEST of several arrays, a map, or rows into a subquery beside it.

    `entries` is the number of macros ENTRIES that are used already; returns it with those added here.
    Raises `RefusedError`.
    """
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
        depth = exp.PropertyEQ(this=identifier("max_depth"), expression=number(2))
        items.append(exp.Anonymous(this="unnest", expressions=[macro, depth]))
        entries += 1
    else:
        items += [call("unnest", argument) for argument in arguments]
    if ordinal:
        sizes = [call("trino_cardinality", argument) for argument in arguments]
        longest = sizes[0] if len(sizes) == 1 else call("greatest", *sizes)
        items.append(call("unnest", call("generate_series", number(1), longest)))
        if isinstance(ordinal, exp.Identifier):
            names.append(ordinal)
    query = exp.Subquery(this=exp.Select(expressions=items))
    if alias:
        query.set("alias", exp.TableAlias(this=alias.this, columns=[name.copy() for name in names]))
    unnest.replace(query)
    return entries
