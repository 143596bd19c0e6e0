"""The work of a query's own process: plan a statement, run a plan, or describe tables."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot

from brume.labels.engine.sql import plan as planning
from brume.labels.engine.sql import printing, types
from brume.labels.engine.sql.functions import called_macros
from brume.labels.engine.sql.rewrite import ANONYMOUS
from brume.labels.engine.sql.statement import DIALECT, RefusedError
from brume.labels.engine.sql.unnest import ENTRIES

OUT_OF_MEMORY = (
    "EXCEEDED_MEMORY_LIMIT: the query needs more memory than one may have: read fewer rows or columns"
)
_BATCH = 2048  # rows taken at once: their texts are in memory together
_PLANNING = 3 << 30  # bytes of addresses of a process that reads a statement
_ROW = 32 << 20  # bytes of one row, as much as Athena allows: a page is in memory as a whole
_ATTEMPTS = 6  # macros of UNNEST that are tried both ways; each doubles the tries
_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
}


class QueryError(Exception):
    """A query that failed; the message is for its author."""


class _WithoutPandas:
    """Keeps Arrow from loading pandas at its first value, where it is installed: it would take 0.15 s."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> None:
        """Refuse pandas, and leave all else to other finders."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def warm_up() -> None:
    """Load what every job needs; starts no thread, so that this process can fork."""
    sys.meta_path.insert(0, _WithoutPandas())
    logging.getLogger("sqlglot").disabled = True  # its messages quote the caller's text
    tree = sqlglot.parse_one("SELECT count(*) FROM t WHERE a = 'b'", read=DIALECT)
    tree.sql(dialect="duckdb")


def do(request: dict[str, Any]) -> dict[str, Any]:
    """Do the job that a request describes; returns the answer, with `failed` or `refused` on errors."""
    try:
        if request["job"] == "plan":
            _limit(resource.RLIMIT_AS, _PLANNING)
            return _plan(request)
        _limit(resource.RLIMIT_AS, request["address_space"])
        _limit(resource.RLIMIT_FSIZE, request["file_size"])
        with connected(request) as connection:
            return (
                _describe(connection, request) if request["job"] == "describe" else _run(connection, request)
            )
    except RefusedError as error:
        return {"refused": str(error)}
    except (planning.FailedError, QueryError) as error:
        return {"failed": str(error)}
    except duckdb.Error as error:
        return {"failed": reason(error, request)}
    except MemoryError:
        return {"failed": OUT_OF_MEMORY}
    except OSError as error:
        return {
            "failed": f"HIVE_FILESYSTEM_ERROR: the result cannot be written: {error.strerror}",
            "internal": "OSError",
        }


def _limit(what: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # not every system has it: DuckDB's own limits hold there
        resource.setrlimit(what, (most, most))


def _plan(request: dict[str, Any]) -> dict[str, Any]:
    context = planning.Context(request["database"], request["tables"], request["parameters"])
    return {"plan": dataclasses.asdict(planning.plan(request["text"], context))}


def connected(request: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """Return a connection that sees the tables of the request and nothing else, for good."""
    settings = _SETTINGS | {
        "threads": str(request["threads"]),
        "memory_limit": f"{request['memory']}B",
        "temp_directory": request["scratch"],
        "max_temp_directory_size": f"{request['spill']}B",
    }
    connection = duckdb.connect(":memory:", config=settings)
    paths = ", ".join(_text(path) for path in request["files"])
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET integer_division = true")  # as in Trino: 7 / 2 is 3
    connection.execute(f"SET allowed_paths = [{paths}]")
    if request.get("unload_folder"):
        connection.execute(f"SET allowed_directories = [{_text(request['unload_folder'])}]")
    connection.execute("SET enable_external_access = false")
    connection.execute(f"CREATE SCHEMA {_name(request['database'])}")
    for table, source in request["views"]:
        connection.execute(f"CREATE VIEW {_name(request['database'])}.{_name(table)} AS {source}")
    for head, body in called_macros(str(request.get("plan", {}).get("query", ""))):
        connection.execute(f"CREATE MACRO {head} AS ({body})")
    connection.execute("SET lock_configuration = true")
    return connection


def _describe(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for table, _ in request["views"]:
        head = connection.execute(f"SELECT * FROM {_name(request['database'])}.{_name(table)} LIMIT 0")  # noqa: S608
        found[table] = [[name, types.hive_type(kind)] for name, kind, *_ in head.description]
    return {"columns": found}


def _run(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    plan = request["plan"]
    bind(connection, plan)
    if plan["unload"]:
        return _unload(connection, request)
    if plan["name"] == "EXPLAIN":
        return _explained(connection, request)
    return _written(connection.sql(plan["query"]), request)


def bind(connection: duckdb.DuckDBPyConnection, plan: dict[str, Any]) -> None:
    """Decide for each UNNEST with several names whether it is of a map or of rows: the one that binds."""
    count = plan["entries"]
    if count > _ATTEMPTS:
        raise QueryError(f"NOT_SUPPORTED: more than {_ATTEMPTS} UNNEST with several names in one query")
    first: duckdb.Error | None = None
    for choice in range(2**count):
        for number in range(count):
            body = "map_entries(x)" if choice >> number & 1 else "x"
            connection.execute(f"CREATE OR REPLACE MACRO {ENTRIES}{number}(x) AS {body}")
        try:
            query = plan["query"].removeprefix("EXPLAIN ")
            if count:
                connection.execute(f"EXPLAIN {query}").fetchall()
        except duckdb.BinderException as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first


def _written(relation: duckdb.DuckDBPyRelation, request: dict[str, Any]) -> dict[str, Any]:
    """Write the rows as Athena does, a batch at a time."""
    described = _columns(relation)
    rows = size = 0
    with Path(request["output"]).open("wb") as file:
        file.write(printing.header([name for name, _ in described]))
        for batch in _batches(relation):
            rows += batch.num_rows
            if rows > request["rows"]:
                raise QueryError(_too_large(f"has more than {request['rows']:,} rows"))
            lines = printing.lines(batch, _ROW)
            if lines is None:
                raise QueryError(_too_large(f"has a row of more than {_ROW >> 20} MB"))
            size += file.write(lines)
            if size > request["bytes"]:
                raise QueryError(_too_large(f"is larger than {request['bytes'] / 1e6:,.0f} MB"))
    return {"columns": [types.column_info(name, kind) for name, kind in described], "rows": rows}


def _batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    """Yield the rows; Arrow reports a failure on the way as an error of a file, with DuckDB's message."""
    try:
        yield from relation.to_arrow_reader(_BATCH)
    except OSError as error:
        if error.errno is not None:
            raise
        if "Arrow Appender" in str(error):  # 2 GB of texts in one batch
            raise QueryError(_too_large("has rows that are too large")) from None
        kind = str(error).partition(" Error: ")[0]
        raise _KINDS.get(kind, duckdb.Error)(str(error)) from None


def _too_large(how: str) -> str:
    return f"EXCEEDED_RESULT_LIMIT: the result {how}: select less, add LIMIT, or UNLOAD it"


def _columns(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, Any]]:
    return [
        (f"_col{place}" if name == ANONYMOUS else name, kind)
        for place, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True))
    ]


def _explained(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    text = "\n".join(str(row[-1]) for row in connection.execute(request["plan"]["query"]).fetchall())
    lines = [line.rstrip() for line in _without_paths(text, request).splitlines()]
    Path(request["output"]).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"columns": [types.text_column("Query Plan")], "rows": len(lines)}


_PLAIN = {
    "hugeint": "BIGINT",
    "uhugeint": "BIGINT",
    "ubigint": "BIGINT",
    "uinteger": "BIGINT",
    "usmallint": "INTEGER",
}
_PLAIN |= {"utinyint": "SMALLINT", "timestamp with time zone": "TIMESTAMP", "uuid": "VARCHAR"}


def _unload(connection: duckdb.DuckDBPyConnection, request: dict[str, Any]) -> dict[str, Any]:
    """Write the rows as Parquet files into the request's `unload_folder`."""
    plan, folder = request["plan"], Path(request["unload_folder"])
    query, unload = plan["query"], plan["unload"]
    described = _columns(connection.sql(query))
    names = [name for name, _ in described]
    doubled = sorted({name for name in names if [one.lower() for one in names].count(name.lower()) > 1})
    if doubled:
        raise QueryError(
            f"DUPLICATE_COLUMN_NAME: UNLOAD needs a name of its own for each column: {doubled[0]}"
        )
    absent = [name for name in unload["partitions"] if name not in names]
    if absent:
        raise QueryError(
            f"COLUMN_NOT_FOUND: partitioned_by names {absent[0]}, which the query does not select"
        )
    inner = [f"c{place}" for place in range(len(names))]
    items = [
        f"CAST({one} AS {_PLAIN[kind.id]}) AS {_name(name)}"
        if kind.id in _PLAIN
        else f"{one} AS {_name(name)}"
        for one, (name, kind) in zip(inner, described, strict=True)
    ]
    options = ["FORMAT parquet", f"COMPRESSION {_COMPRESSIONS[unload['compression']]}"]
    target = folder
    if unload["partitions"]:
        options.append(f"PARTITION_BY ({', '.join(map(_name, unload['partitions']))})")
    else:
        target = folder / "0.parquet"
    copied = connection.execute(
        f"COPY (SELECT {', '.join(items)} FROM ({query}) AS q({', '.join(inner)})) "  # noqa: S608 - checked
        f"TO {_text(str(target))} ({', '.join(options)})"
    ).fetchone()
    return {"columns": [], "rows": int(copied[0]) if copied else 0}


_COMPRESSIONS = {"gzip": "gzip", "snappy": "snappy", "zstd": "zstd", "none": "uncompressed"}
_CODES = (
    (duckdb.OutOfMemoryException, ""),
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    (duckdb.CatalogException, "FUNCTION_NOT_FOUND"),
    (duckdb.BinderException, "TYPE_MISMATCH"),
    (duckdb.IOException, "HIVE_CANNOT_OPEN_SPLIT"),
)


_KINDS = {
    "Out of Memory": duckdb.OutOfMemoryException,
    "Conversion": duckdb.ConversionException,
    "Out of Range": duckdb.OutOfRangeException,
    "IO": duckdb.IOException,
}


def reason(error: duckdb.Error, request: dict[str, Any]) -> str:
    """Return a DuckDB error in Athena's form: a code, the position in the caller's text, what is wrong."""
    text = _without_paths(str(error), request)
    words = re.sub(r"\n+LINE \d+:.*", "", text, flags=re.DOTALL).partition(": ")[2] or text
    words = " ".join(words.split())
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "GENERIC_USER_ERROR")
    if not code:
        return OUT_OF_MEMORY
    if "File too large" in words or "No space left" in words:
        return "EXCEEDED_RESULT_LIMIT: what the query writes is too large for the disk: select less"
    if re.search(r"not found in FROM clause|does not have a column|^Referenced (table|column) ", words):
        code = "COLUMN_NOT_FOUND"
    if "Division by zero" in words:
        code, words = "DIVISION_BY_ZERO", "Division by zero: nullif(divisor, 0) makes it NULL"
    # The list of what would fit is long, and in DuckDB's terms.
    words = words.partition(" Candidate functions:")[0]
    named = re.search(r'"([^"]+)"', words)
    if code == "COLUMN_NOT_FOUND" and named and f'"{named[1]}"' in request["text"]:
        words += f"; a text stands in single quotes: '{named[1]}'"
    return f"{code}: {_place(named[1], request['text']) if named else ''}{words}"


def _place(name: str, text: str) -> str:
    """Return where a name stands in the caller's text, if it does."""
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
    if not found:
        return ""
    before = text[: found.start()]
    return f"line {before.count(chr(10)) + 1}:{found.start() - before.rfind(chr(10))}: "


def _without_paths(text: str, request: dict[str, Any]) -> str:
    """Return a text without the places of files on this machine."""
    for folder in filter(None, (request["root"], request["scratch"])):
        text = text.replace(folder.rstrip("/") + "/", "").replace(folder, "")
    return text


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
