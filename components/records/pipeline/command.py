"""`brume records`: the web page of the engine that runs on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from brume.records.pipeline.audit import audit
from brume.run.failing import fail


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
