"""What a query may touch, checked on the tree of the parser that runs it.

Whatever the caller wrote and the translation made of it, the text that DuckDB gets is read by DuckDB's own
parser first, and every source, function and statement in it has to be one that is allowed. All else, known
or not yet known, is refused.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Collection, Mapping
from typing import Any

import duckdb

from brume.labels.engine.sql.functions import ALLOWED, ALLOWED_TABLES
from brume.labels.engine.sql.unnest import ENTRIES

_SERIALIZE = "SELECT CAST(json_serialize_sql($1) AS VARCHAR)"
_CTE = re.compile(r"\w+(?:[- $]\w+)*", re.ASCII)  # nothing that could name a file
# The kinds of nodes of the parser's tree: those with a class are expressions.
_EXPRESSIONS = """
BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR STAR SUBQUERY
TYPE WINDOW
"""
_OTHERS = """
SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST
EMPTY ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER ORDER_DEFAULT ASCENDING
DESCENDING
"""
_KINDS = frozenset(_EXPRESSIONS.split()), frozenset(_OTHERS.split())


class ForbiddenError(ValueError):
    """A query that reaches for what it may not; the message names it."""


def check(sql: str, database: str, tables: Collection[str]) -> None:
    """Check a query in DuckDB's SQL that may read `tables` of the schema `database`, and nothing else.

    Raises `ForbiddenError`.
    """
    (text,) = _parser().execute(_SERIALIZE, [sql]).fetchone() or ("{}",)
    parsed = json.loads(text)
    if parsed.get("error") or len(parsed.get("statements", ())) != 1:
        why = str(parsed.get("error_message", "it is not one statement"))
        if "expression depth" in why:
            why = "an expression of it has more than 1,000 levels: use IN, or a table of VALUES"
        raise ForbiddenError(f"NOT_SUPPORTED: the query cannot be run: {why}")
    _Check(database, frozenset(tables)).walk(parsed["statements"][0], frozenset())


@functools.cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Return a connection that reads SQL and runs none of a caller's."""
    return duckdb.connect(":memory:", config={"threads": "1"})


class _Check:
    def __init__(self, database: str, tables: frozenset[str]) -> None:
        self._database = database
        self._tables = tables

    def walk(self, node: Any, known: frozenset[str]) -> None:
        """Check a node and all below it; `known` are the names of the queries WITH that can be seen there."""
        if isinstance(node, list):
            for item in node:
                self.walk(item, known)
        elif isinstance(node, dict):
            kind = node.get("type")
            if isinstance(kind, str):
                kind = str(node.get("class", kind))
                if kind not in _KINDS["class" not in node]:
                    raise ForbiddenError(f"NOT_SUPPORTED: {kind} has no place in a query here")
                if kind == "BASE_TABLE":
                    self._table(node, known)
                elif kind in ("FUNCTION", "WINDOW"):
                    self._function(node, ALLOWED)
                elif kind == "TABLE_FUNCTION":
                    self._function(node["function"], ALLOWED_TABLES)
            known = self._with(node, known)
            for value in node.values():
                self.walk(value, known)

    def _with(self, node: Mapping[str, Any], known: frozenset[str]) -> frozenset[str]:
        entries = node.get("cte_map")
        names = [str(entry["key"]) for entry in entries.get("map", ())] if isinstance(entries, dict) else []
        if node.get("type") == "RECURSIVE_CTE_NODE":
            names.append(str(node["cte_name"]))
        for name in names:
            if not _CTE.fullmatch(name):
                raise ForbiddenError(f"the name {name!r} of a query WITH has characters that are not taken")
        return known | {name.lower() for name in names}

    def _table(self, node: Mapping[str, Any], known: frozenset[str]) -> None:
        name, schema = str(node.get("table_name")), str(node.get("schema_name") or "")
        if node.get("catalog_name") or len(node.get("qualified_name", {}).get("path", ())) > 2:
            raise ForbiddenError(f"there is no catalog {node.get('catalog_name')}")
        if not schema and name.lower() in known:
            return
        if schema != self._database or name not in self._tables:
            raise ForbiddenError(f"there is no table {name}")

    @staticmethod
    def _function(node: Mapping[str, Any], allowed: Collection[str]) -> None:
        name = str(node.get("function_name", "")).lower()
        entries = name.removeprefix(ENTRIES)
        if (
            node.get("schema")
            or node.get("catalog")
            or len(node.get("qualified_name", {}).get("path", ())) > 1
        ):
            raise ForbiddenError(
                f"FUNCTION_NOT_FOUND: {name} is named with a schema, which no function here has"
            )
        if name not in allowed and not (name.startswith(ENTRIES) and entries.isdigit()):
            raise ForbiddenError(f"FUNCTION_NOT_FOUND: the function {name} is not available here")
