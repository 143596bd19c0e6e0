"""Trino's SQL as a tree, made into one that DuckDB understands and that means the same.

sqlglot translates most of it. What it leaves as it is, or gets wrong, is put right here, node by node; the
functions that it puts in place are DuckDB's own or the macros of `functions`.
"""

from __future__ import annotations

from sqlglot import exp

from brume.labels.engine.sql.named_functions import BY_NAME
from brume.labels.engine.sql.node_changes import BY_NODE
from brume.labels.engine.sql.nodes import Node
from brume.labels.engine.sql.unnest import expand

ANONYMOUS = "_col?"  # an output column without a name, whose place is known when the query has run


def rewrite(tree: Node) -> tuple[Node, int]:
    """Return the tree for DuckDB and how many macros ENTRIES it uses. Raises `RefusedError`."""
    for select in list(tree.find_all(exp.Select)):
        _name_columns(select)
    entries = 0
    for unnest in list(tree.find_all(exp.Unnest)):
        entries = expand(unnest, entries)
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
        maker = BY_NAME.get(str(node.this).lower())
        return maker(node.expressions, str(node.this).lower()) if maker else node
    change = BY_NODE.get(type(node))
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
