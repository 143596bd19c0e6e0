"""`brume records`: the web page of the engine that runs on this machine, or of what a run left."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import click

from brume.records.pipeline.audit import audit
from brume.run.failing import fail

_PORT = 8406
_PAUSE = 0.5  # seconds between two looks at whether the engine still runs


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    no_args_is_help=True,
)
@click.option(
    "--console", is_flag=True, help="Print an address that opens the engine's web page, once, and end."
)
@click.option(
    "--key", default="", metavar="ID", help="With --console: the access key that the page acts for."
)
@click.option("--data", type=click.Path(path_type=Path), help="The engine's data folder.")
def records(console: bool, key: str, data: Path | None) -> None:
    """Clinical search: the web page of the engine.

    \b
        brume engine records
        brume records --console
        brume records --console --key AKIDWARD

    The page acts for the engine's first access key, or for the one that --key names, and shows what the file
    of rights (BRUME_RECORDS_ACCESS) lets that one see.
    """
    if console:
        click.echo(_page(data, key))


records.add_command(audit)


@records.command()
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=_PORT, show_default=True, help="0: a free one."
)
def show(out: Path, port: int) -> None:
    """Serve what a run left in its folder OUT (index, graph, lake, web page) until it is stopped.

    \b
        brume run records --out out/records
        brume records show out/records

    It prints an address that opens the page, once. `brume env records --data OUT/engines/records` points
    AWS's clients at it.
    """
    from brume.aws.engine import catalog, local, page_token
    from brume.aws.wire.keys import KeysError
    from brume.records.pipeline.settings import engine_folders, engine_variables

    out = out.absolute()
    data = out / "engines" / "records"
    arguments = _arguments(out)
    if not data.is_dir():
        fail(f"{out} has no engine's state: run again with index=records or graph=service, and no endpoint")
    if (other := catalog.running(data)) is not None:
        fail(f"an engine runs on {data} already, at {other.url}: `brume records --console --data {data}`")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        os.environ.update(engine_variables(arguments, out))
        with local.state_of_run("records", data.parent, engine_folders(out), port):
            click.echo(page_token.address(data, "/records"))
            while not stopped.wait(_PAUSE):
                if catalog.running(data) is None:
                    fail(f"the engine has ended: its log is {data / 'engine.log'}")
    except (catalog.EngineError, KeysError, OSError, ValueError) as error:
        fail(str(error))


def _arguments(out: Path) -> dict[str, Any]:
    """Return the arguments of the run that a folder is of. Ends with a message where it is of none."""
    try:
        record: dict[str, Any] = json.loads((out / "run.json").read_bytes())
    except (OSError, ValueError):
        record = {}
    if record.get("pipeline") != "records":
        fail(f"{out} is no run of the pipeline records: name the folder that `brume run records --out` wrote")
    return dict(record["parameters"])


def _page(data: Path | None, key: str) -> str:
    """Return an address that opens the web page of the engine that runs on `data`."""
    from brume.aws.engine import catalog, page_token

    folder = data or catalog.data_folder("records")
    if catalog.running(folder) is None:
        fail(f"no records engine runs on {folder}: start one with `brume engine records`, or give --data")
    try:
        return page_token.address(folder, "/records", key)
    except (OSError, ValueError) as error:
        fail(f"the console's token cannot be read: {error}")
