"""`brume sql`: a question to the labelling lake, answered in the terminal.

The command is a client of Athena's API like any other: the endpoint that AWS_ENDPOINT_URL_ATHENA names
answers or, without one, the labels engine that runs on this machine, or one that is started for the call.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from brume.run.failing import fail

LAKE = "BRUME_LAKE"  # brume.labels.engine.engine reads it; importing that for a name takes a second
DATABASE = "smgt-gluedatabase"
DEFAULT_LAKE = Path("out/labels/lake")
ROWS = 100
_ENDPOINT = "AWS_ENDPOINT_URL_ATHENA"
_NUMBERS = ("tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal")
_PAGE = 1000

_Row = list[str | None]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("query", required=False)
@click.option("-f", "--file", type=click.File("r"), help="A file that holds the query; - is standard input.")
@click.option("--lake", help="The lake: a folder or s3:// prefix [BRUME_LAKE, or out/labels/lake].")
@click.option("--database", default=DATABASE, show_default=True, help="Database of tables without one.")
@click.option("--csv", "as_csv", is_flag=True, help='Print CSV, whole: NULL is nothing, an empty text is "".')
@click.option("--max-rows", type=click.IntRange(0), default=ROWS, show_default=True, help="0: every row.")
@click.option("--tables", is_flag=True, help="List the tables, and what a row of each is.")
def sql(
    query: str | None,
    file: TextIO | None,
    lake: str | None,
    database: str,
    as_csv: bool,
    max_rows: int,
    tables: bool,
) -> None:
    """Ask the labelling lake in Athena's SQL: brume sql "SELECT kind, count(*) FROM labels GROUP BY 1".

    `-` as the query reads it from standard input. Ends with 1 when the query fails, 130 when it is stopped.
    """
    text = _text(query, file, tables)
    from botocore.exceptions import BotoCoreError, ClientError

    from brume.aws.engine.catalog import EngineError
    from brume.aws.wire.keys import KeysError

    try:
        with _athena(lake) as athena:
            if tables or (not as_csv and re.fullmatch(r"\s*show\s+tables\s*;?\s*", text, re.IGNORECASE)):
                _show_tables(athena, database)
            else:
                _answer(athena, text, database, as_csv, max_rows)
    except ClientError as error:
        fail(_with_place(str(error.response.get("Error", {}).get("Message") or error), text))
    except (BotoCoreError, EngineError, KeysError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("stopped", code=130)


def _text(query: str | None, file: TextIO | None, tables: bool) -> str:
    if sum((query is not None, file is not None, tables)) != 1:
        raise click.UsageError('give one of a query in quotes, -f FILE, or --tables: brume sql "SELECT ..."')
    if file is not None:
        return file.read()
    return sys.stdin.read() if query == "-" else query or ""


@contextlib.contextmanager
def _athena(lake: str | None) -> Iterator[Any]:
    """Yield a client of AWS or of an engine; an engine that is started for it ends after."""
    from brume.aws.client import client
    from brume.aws.engine import catalog

    configured = any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL", _ENDPOINT))
    here = None if configured or lake else catalog.running(catalog.data_folder("labels"))
    if configured or here is not None:
        if lake:
            raise catalog.EngineError(
                f"--lake is for an engine that this command starts, and {_ENDPOINT} names one: "
                "leave one of them out"
            )
        os.environ.update({} if here is None else _variables(here))
        yield client("athena")
        return
    os.environ[LAKE] = _lake(lake)
    from brume.aws.engine.local import started

    with (
        tempfile.TemporaryDirectory(prefix="brume-sql-") as folder,
        started({"labels": {}}, Path(folder)) as variables,
    ):
        os.environ.update(variables)
        yield client("athena")


def _variables(here: Any) -> dict[str, str]:
    """Return the variables by which an engine on this machine is reached."""
    from brume.aws.wire import keys

    accepted = list(keys.load(Path(here.credentials)).values()) if here.credentials else []
    key = accepted[0] if accepted else keys.Key("anonymous", "anonymous")
    environment = {
        _ENDPOINT: here.url,
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret,
    }
    return environment | ({"AWS_SESSION_TOKEN": key.token} if key.token else {})


def _lake(given: str | None) -> str:
    from brume import storage
    from brume.aws.engine.catalog import EngineError

    chosen = given or os.environ.get(LAKE) or (str(DEFAULT_LAKE) if DEFAULT_LAKE.is_dir() else "")
    if not chosen:
        raise EngineError(
            f"there is no lake to ask: name one with --lake or {LAKE}, or let `brume run labels` write "
            f"{DEFAULT_LAKE}"
        )
    if not storage.exists(chosen):
        raise EngineError(f"there is no lake at {chosen}: `brume run labels` writes one")
    return storage.absolute(chosen)


def _show_tables(athena: Any, database: str) -> None:
    from brume.run.terminal import print_table

    pages = athena.get_paginator("list_table_metadata").paginate(
        CatalogName="AwsDataCatalog", DatabaseName=database
    )
    rows = [
        (
            table["Name"],
            table.get("Parameters", {}).get("comment"),
            len(table["Columns"]) + len(table.get("PartitionKeys", [])),
        )
        for page in pages
        for table in page["TableMetadataList"]
    ]
    print_table(("TABLE", "A ROW IS", ">COLUMNS"), rows)


def _answer(athena: Any, text: str, database: str, as_csv: bool, most: int) -> None:
    identity = athena.start_query_execution(QueryString=text, QueryExecutionContext={"Database": database})[
        "QueryExecutionId"
    ]
    try:
        execution = _wait(athena, identity)
    except KeyboardInterrupt:
        athena.stop_query_execution(QueryExecutionId=identity)
        raise
    status = execution["Status"]
    if status["State"] != "SUCCEEDED":
        fail(_with_place(status.get("StateChangeReason") or status["State"].lower(), text))
    if status.get("StateChangeReason"):
        click.echo(f"brume: {status['StateChangeReason']}", err=True)
    columns, rows = _results(athena, identity, with_header=execution.get("StatementType") == "DML")
    if as_csv:
        _print_csv([name for name, _ in columns], rows)
    else:
        _print_table(columns, rows, most)


def _wait(athena: Any, identity: str) -> dict[str, Any]:
    """Return the execution when it has ended; after a second the terminal shows its state."""
    from brume.aws.waiting import wait_until
    from brume.run.terminal import waiting

    begun = time.monotonic()
    update: Callable[[str], None] | None = None
    with contextlib.ExitStack() as stack:

        def describe() -> dict[str, Any]:
            return dict(athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"])

        def show(execution: dict[str, Any]) -> None:
            nonlocal update
            seconds = time.monotonic() - begun
            if seconds > 1 and sys.stderr.isatty():
                update = update or stack.enter_context(waiting("the query"))
                update(f"{execution['Status']['State'].lower()}, {seconds:.0f} s (Ctrl-C cancels it)")

        return wait_until(describe, _has_ended, first_pause=0.01, longest_pause=0.5, waiting=show)


def _has_ended(execution: dict[str, Any]) -> bool:
    return execution["Status"]["State"] not in ("QUEUED", "RUNNING")


def _results(
    athena: Any, identity: str, *, with_header: bool
) -> tuple[list[tuple[str, str]], Iterator[_Row]]:
    """Return the columns, names and types, and the rows, which come page by page."""
    pages = iter(
        athena.get_paginator("get_query_results").paginate(
            QueryExecutionId=identity, PaginationConfig={"PageSize": _PAGE}
        )
    )
    first = next(pages)
    columns = [(info["Name"], info["Type"]) for info in first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]

    def rows() -> Iterator[_Row]:
        skip = with_header
        for page in (first, *pages):
            for row in page["ResultSet"]["Rows"]:
                if not skip:
                    yield _cells(row, len(columns))
                skip = False

    return columns, rows()


def _cells(row: dict[str, Any], count: int) -> _Row:
    values: _Row = [cell.get("VarCharValue") for cell in row["Data"]]
    if len(values) == 1 and count > 1 and values[0] is not None:  # DESCRIBE: one text with tabs
        values = [part.strip() for part in values[0].split("\t")]
        values += [""] * (count - len(values))
    return values


def _print_csv(names: Sequence[str], rows: Iterator[_Row]) -> None:
    def cell(value: str | None) -> str:
        if value is None:
            return ""
        return value if value and not set(value) & set(',"\r\n') else '"' + value.replace('"', '""') + '"'

    sys.stdout.write(",".join(map(cell, names)) + "\n")
    for row in rows:
        sys.stdout.write(",".join(map(cell, row)) + "\n")


def _print_table(columns: Sequence[tuple[str, str]], rows: Iterator[_Row], most: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name, kind in columns:
        table.add_column(Text(name), justify="right" if kind in _NUMBERS else "left", overflow="fold")
    shown, more = 0, False
    for row in rows:
        if most and shown == most:
            more = True
            break
        table.add_row(*(Text("NULL", style="dim italic") if cell is None else Text(cell) for cell in row))
        shown += 1
    if columns:
        console = Console(width=None if sys.stdout.isatty() else _width())
        console.print(table)
    summary = f"the first {shown} rows; --max-rows 0 shows all, --csv writes them" if more else _rows(shown)
    click.echo(summary, err=True)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _width() -> int:
    """Return the width of tables in a pipe: COLUMNS, as everywhere, or one that cuts nothing."""
    return int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdigit() else 400


def _with_place(message: str, text: str) -> str:
    """Return a message with the line of the query that it names, and a mark below the place."""
    named = re.search(r"line (\d+):(\d+)", message)
    lines = text.splitlines()
    if named is None or not 0 < int(named[1]) <= len(lines):
        return message
    line, column = lines[int(named[1]) - 1], int(named[2])
    start = max(0, column - 60)
    cut = line[start : start + 100].replace("\t", " ")
    return f"{message}\n  {cut}\n  {' ' * (column - 1 - start)}^"
