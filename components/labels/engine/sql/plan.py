"""Plans a statement of Athena's SQL: reads, checks and translates it, and checks the result."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError, UnsupportedError
from sqlglot.tokens import TokenType

from brume.labels.engine.sql import guard
from brume.labels.engine.sql import statement as sql
from brume.labels.engine.sql.rewrite import rewrite
from brume.labels.engine.sql.statement import RefusedError, Statement, refused

CATALOG = "awsdatacatalog"


class FailedError(ValueError):
    """A query that is read but cannot be run, as one whose table does not exist: its execution fails."""


@dataclass(frozen=True)
class Unload:
    """Where the rows of an UNLOAD go, and how."""

    address: str
    compression: str
    partitions: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What runs: `query` is DuckDB's SQL over `tables`; `entries` macros stand in it (`rewrite`).

    `kind` is one of Athena's StatementType values, `name` its SubstatementType.
    """

    kind: str
    name: str
    query: str = ""
    tables: tuple[str, ...] = ()
    entries: int = 0
    unload: Unload | None = None
    subject: tuple[str, ...] = ()  # of a statement that only looks: its table, or a pattern
    warning: str = ""


@dataclass(frozen=True)
class Context:
    """What names can mean: the database, and the tables in it."""

    database: str
    tables: Collection[str]
    parameters: Sequence[str] = field(default_factory=tuple)


def plan(text: str, context: Context) -> Plan:
    """Plan one statement.

    Raises `RefusedError` for what is no statement that is taken, `FailedError` for one that cannot work.
    """
    statement = sql.read(text)
    maker = _STATEMENTS.get(statement.first)
    if maker:
        return maker(statement, context)
    query, tables, entries = _translated(sql.parse(statement), context)
    return Plan("DML", "SELECT", query, tables, entries, warning=statement.warning)


def _translated(tree: exp.Expression, context: Context) -> tuple[str, tuple[str, ...], int]:
    """Return DuckDB's SQL for a tree, the tables that it reads, and its number of macros."""
    tree = _with_parameters(tree, context.parameters)
    tables = _bind_tables(tree, context)
    try:
        tree, entries = rewrite(tree)
        query = tree.sql(dialect="duckdb", comments=False, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise FailedError(f"NOT_SUPPORTED: {str(error).partition(chr(10))[0]}") from None
    except (SqlglotError, RecursionError, ValueError) as error:
        raise FailedError(f"NOT_SUPPORTED: {error}") from None
    try:
        guard.check(query, context.database, context.tables)
    except guard.ForbiddenError as error:
        raise FailedError(str(error)) from None
    return query, tables, entries


def _with_parameters(tree: exp.Expression, parameters: Sequence[str]) -> exp.Expression:
    places = list(tree.find_all(exp.Placeholder, bfs=False))
    if len(places) != len(parameters):
        raise RefusedError(
            f"the query has {len(places)} parameters (?) and {len(parameters)} execution parameters came: "
            "give one for each"
        )
    for number, (place, text) in enumerate(zip(places, parameters, strict=True), 1):
        place.replace(sql.literal(text, number))
    return tree


def _bind_tables(tree: exp.Expression, context: Context) -> tuple[str, ...]:
    """Give every table its schema and its name as the catalog writes it; returns those names."""
    known = {name.lower(): name for name in context.tables}
    found = set()
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            raise FailedError(
                f"FUNCTION_NOT_FOUND: the table function {_function_name(table.this)} is not available here: "
                "queries read the tables of the lake, which SHOW TABLES lists, and UNNEST(...)"
            )
        if table.args.get("version") or table.args.get("when"):
            raise FailedError("NOT_SUPPORTED: tables here have no versions to be read as of a time")
        database, name = table.db or context.database, table.name
        if not table.db and name.lower() in _visible_names(table):
            continue
        exact = known.get(name.lower())
        wrong_catalog = table.catalog and table.catalog.lower() != CATALOG
        if wrong_catalog or database.lower() != context.database.lower() or exact is None:
            raise FailedError(_not_found(table, database, context))
        table.set("catalog", None)
        table.set("db", exp.to_identifier(context.database, quoted=True))
        table.set("this", exp.to_identifier(exact, quoted=True))
        found.add(exact)
    return tuple(sorted(found))


def _function_name(node: exp.Expression) -> str:
    known = isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous)
    return str(node.sql_name() if known else node.name).lower()


def _not_found(table: exp.Table, database: str, context: Context) -> str:
    where = f"{table.catalog or CATALOG}.{database}"
    if database.lower() != context.database.lower():
        near = f"the database is {context.database}"
    else:
        close = difflib.get_close_matches(table.name.lower(), list(context.tables), n=1)
        near = f"did you mean {close[0]}?" if close else "SHOW TABLES lists those that there are"
    place = table.this.meta
    width = int(place.get("end", 0)) - int(place.get("start", 0))
    line = f"line {place['line']}:{max(1, int(place['col']) - width)}: " if place.get("line") else ""
    return f"TABLE_NOT_FOUND: {line}Table '{where}.{table.name}' does not exist: {near}"


def _visible_names(table: exp.Table) -> set[str]:
    """Return the names of the queries WITH that a table's name can mean, in lower case."""
    names: set[str] = set()
    inside: exp.Expression = table
    above = table.parent
    while above is not None:
        if isinstance(above, exp.With):
            for query in above.expressions:
                if query is inside:
                    if above.recursive:
                        names.add(query.alias.lower())
                    break
                names.add(query.alias.lower())
        elif (known := above.args.get("with_")) is not None and known is not inside:
            names |= {query.alias.lower() for query in known.expressions}
        inside, above = above, above.parent
    return names


def _explain(statement: Statement, context: Context) -> Plan:
    words = _words(statement)
    if len(words) > 1 and words[1].upper() in ("ANALYZE", "("):
        raise RefusedError(
            "EXPLAIN here shows the plan of a query, without ANALYZE and options: EXPLAIN SELECT ..."
        )
    start = statement.tokens[0].start + len("EXPLAIN")
    inner = sql.read(" " * start + statement.text[start:])
    query, tables, entries = _translated(sql.parse(inner), context)
    return Plan("UTILITY", "EXPLAIN", f"EXPLAIN {query}", tables, entries, warning=inner.warning)


def _unload(statement: Statement, context: Context) -> Plan:
    tokens, depth, end = statement.tokens, 0, 0
    for end, token in enumerate(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if end and not depth:
            break
    rest = tokens[end + 1 :]
    if depth or len(rest) < 2 or rest[0].text.upper() != "TO" or rest[1].token_type is not TokenType.STRING:
        raise refused(
            tokens[0],
            "UNLOAD is written UNLOAD (SELECT ...) TO 's3://BUCKET/FOLDER/' WITH (format = 'PARQUET')",
        )
    options = _options(statement.text[rest[1].end + 1 :])
    form, compression = (
        str(options.pop("format", "")).upper(),
        str(options.pop("compression", "gzip")).lower(),
    )
    partitions = options.pop("partitioned_by", [])
    if form != "PARQUET":
        raise RefusedError("UNLOAD writes Parquet here: WITH (format = 'PARQUET')")
    if compression not in ("gzip", "snappy", "zstd", "none") or options or not isinstance(partitions, list):
        raise RefusedError(
            "UNLOAD takes format, compression ('gzip', 'snappy', 'zstd', 'none') and "
            "partitioned_by = ARRAY['column']"
        )
    first = tokens[1]
    inner = sql.read(" " * first.end + " " + statement.text[first.end + 1 : tokens[end].start])
    query, tables, entries = _translated(sql.parse(inner), context)
    unload = Unload(rest[1].text, compression, tuple(partitions))
    return Plan("DML", "UNLOAD", query, tables, entries, unload, warning=statement.warning)


_OPTION = re.compile(r"\s*(\w+)\s*=\s*(?:'((?:[^']|'')*)'|array\s*\[([^\]]*)\])\s*(,|\)\s*$)", re.IGNORECASE)


def _options(text: str) -> dict[str, Any]:
    """Read `WITH (name = 'value', name = ARRAY['a', 'b'])`."""
    if not text.strip():
        return {}
    opened = re.match(r"\s*with\s*\(", text, re.IGNORECASE)
    position, found = opened.end() if opened else 0, {}
    while opened and position < len(text):
        option = _OPTION.match(text, position)
        if not option:
            opened = None
            break
        name, value, listed = option[1].lower(), option[2], option[3]
        items = [] if listed is None else re.findall(r"'((?:[^']|'')*)'", listed)
        found[name] = items if value is None else value.replace("''", "'")
        position = option.end()
    if not opened:
        raise RefusedError(
            "the options of UNLOAD are written WITH (format = 'PARQUET', compression = 'SNAPPY')"
        )
    return found


_WORD = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|[\w$-]+|\S")


def _words(statement: Statement) -> list[str]:
    return _WORD.findall(statement.text)


def _bare(word: str) -> str:
    """Return a name or text without its quotes."""
    quote = word[:1]
    return word[1:-1].replace(quote * 2, quote) if quote in ("'", '"', "`") and len(word) > 1 else word


def _show(statement: Statement, context: Context) -> Plan:
    words = _words(statement)
    kind = words[1].upper() if len(words) > 1 else ""
    rest = words[2:]
    if kind in ("DATABASES", "SCHEMAS"):
        return Plan("DDL", "SHOW_DATABASES", subject=(_pattern(rest),))
    if kind in ("TABLES", "VIEWS"):
        if rest and rest[0].upper() in ("IN", "FROM"):
            _require_database(_bare(rest[1]) if len(rest) > 1 else "", context)
            rest = rest[2:]
        return Plan("DDL", f"SHOW_{kind}", subject=(_pattern(rest),))
    if kind == "COLUMNS" and rest and rest[0].upper() in ("IN", "FROM"):
        name, rest = _table_name(rest[1:], context)
        if rest and rest[0].upper() in ("IN", "FROM"):
            _require_database(_bare(rest[1]) if len(rest) > 1 else "", context)
        return Plan("DDL", "SHOW_COLUMNS", tables=(name,), subject=(name,))
    if kind == "PARTITIONS" and rest:
        name, _ = _table_name(rest, context)
        return Plan("DDL", "SHOW_PARTITIONS", tables=(name,), subject=(name,))
    if kind == "CREATE" and len(rest) > 1 and rest[0].upper() in ("TABLE", "VIEW"):
        name, _ = _table_name(rest[1:], context)
        return Plan("DDL", "SHOW_CREATE_TABLE", tables=(name,), subject=(name,))
    raise RefusedError(
        "SHOW here is one of SHOW DATABASES, SHOW TABLES, SHOW VIEWS, SHOW COLUMNS IN t, SHOW PARTITIONS t, "
        "SHOW CREATE TABLE t"
    )


def _describe(statement: Statement, context: Context) -> Plan:
    words = _words(statement)[1:]
    if words and words[0].upper() in ("EXTENDED", "FORMATTED"):
        words = words[1:]
    if not words:
        raise RefusedError("DESCRIBE needs the name of a table: DESCRIBE labels")
    name, _ = _table_name(words, context)
    return Plan("DDL", "DESCRIBE_TABLE", tables=(name,), subject=(name,))


def _pattern(words: Sequence[str]) -> str:
    """Return the pattern of SHOW, Hive's: names with * for anything and | between alternatives."""
    if words and words[0].upper() == "LIKE":
        words = words[1:]
    return _bare(words[0]) if words else ""


def _require_database(name: str, context: Context) -> None:
    if name.lower() != context.database.lower():
        raise FailedError(
            f"SCHEMA_NOT_FOUND: there is no database {name}: the database is {context.database}"
        )


def _table_name(words: Sequence[str], context: Context) -> tuple[str, list[str]]:
    """Return the table that words name, as the catalog writes it, and the words after."""
    parts, rest = [_bare(words[0])] if words else [""], list(words[1:])
    while len(rest) > 1 and rest[0] == ".":
        parts.append(_bare(rest[1]))
        rest = rest[2:]
    if len(parts) > 1:
        _require_database(parts[-2], context)
    exact = {name.lower(): name for name in context.tables}.get(parts[-1].lower())
    if exact is None:
        close = difflib.get_close_matches(parts[-1].lower(), list(context.tables), n=1)
        near = f"did you mean {close[0]}?" if close else "SHOW TABLES lists those that there are"
        raise FailedError(
            f"TABLE_NOT_FOUND: Table '{CATALOG}.{context.database}.{parts[-1]}' does not exist: {near}"
        )
    return exact, rest


_STATEMENTS: dict[str, Callable[[Statement, Context], Plan]] = {
    "EXPLAIN": _explain,
    "UNLOAD": _unload,
    "SHOW": _show,
    "DESCRIBE": _describe,
    "DESC": _describe,
}
