"""`brume engine`, `engines` and `env`: serve AWS services from here, and point clients at them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from brume.run.failing import fail


def _listening_options(command: Any) -> Any:
    """Add what `engine` and `engines up` have in common."""
    for option in reversed(
        (
            click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at."),
            click.option(
                "--folder",
                multiple=True,
                metavar="PREFIX=DIR",
                help="A local folder for addresses that start with PREFIX, e.g. s3://bucket/=/photos; "
                "may be repeated.",
            ),
            click.option(
                "--keys",
                type=click.Path(dir_okay=False),
                envvar="BRUME_KEYS_FILE",
                help="Accepted keys, an AWS credentials file with accounts [made in the data folder].",
            ),
            click.option(
                "--allow-anonymous", is_flag=True, help="Take unsigned requests; at a loopback address only."
            ),
            click.option(
                "--unsigned",
                multiple=True,
                metavar="NAME",
                help="Take unsigned requests to this service, or to the services of this engine, for account "
                "000000000000; at a loopback address only; may be repeated.",
            ),
            click.option(
                "--tls", is_flag=True, help="Serve over TLS, with an authority made in the data folder."
            ),
            click.option(
                "--tls-name",
                multiple=True,
                metavar="HOST",
                help="A further name or address in the certificate of --tls; may be repeated.",
            ),
            click.option(
                "--tls-certificate",
                type=click.Path(dir_okay=False),
                help="Serve over TLS with this certificate chain (PEM) ...",
            ),
            click.option("--tls-key", type=click.Path(dir_okay=False), help="... and its key (PEM)."),
        )
    ):
        command = option(command)
    return command


def _check_names(names: tuple[str, ...]) -> None:
    """End with a message for a name that no engine has."""
    from brume.aws.engine import catalog

    try:
        for name in names:
            catalog.about(name)
    except catalog.EngineError as error:
        fail(error, code=2)


def _replace_by(module: str, names: tuple[str, ...], given: dict[str, Any]) -> NoReturn:
    """Become the process of `module`, which takes this one's place and its signals."""
    words = []
    for option, value in given.items():
        flag = f"--{option.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag] * value
        elif isinstance(value, tuple):
            words += [f"{flag}={one}" for one in value]
        elif value is not None:
            words.append(f"{flag}={value}")
    os.execv(  # noqa: S606 - no shell
        sys.executable, [sys.executable, "-m", module, *words, "--", *names]
    )


@click.command()
@click.argument("name")
@click.option("--port", type=click.IntRange(0, 65535), help="0: one that is free [the engine's own].")
@click.option(
    "--data", type=click.Path(file_okay=False), help="Folder of its state [~/.local/share/brume/NAME]."
)
@click.option("--database", metavar="URL", help="SQLAlchemy URL [BRUME_DATABASE, or SQLite].")
@click.option("--settings", is_flag=True, help="Print the engine's environment variables, and end.")
@_listening_options
def engine(name: str, **given: Any) -> None:
    """Serve an AWS service from this machine until it is stopped; `brume engines` lists what there is.

    Clients are pointed at it by the lines that `brume env NAME` prints.
    """
    _check_names((name,))
    _replace_by("brume.aws.engine.run", (name,), given)


@click.group(invoke_without_command=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with a folder for each engine's state [~/.local/share/brume].",
)
@click.pass_context
def engines(context: click.Context, data: Path | None) -> None:
    """List the engines, and where those that run here answer; `up` starts several on one port."""
    from brume.aws.engine import catalog as known

    if context.invoked_subcommand is not None:
        return
    for about in known.names().values():
        here = known.running(data / about.name if data else known.data_folder(about.name))
        click.echo(f"{about.name:12}  {about.line} ({', '.join(about.services)})")
        if here:
            click.echo(f"{'':12}  running at {here.url}")


@engines.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--port", type=click.IntRange(0, 65535), default=4599, show_default=True, help="0: a free one.")
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Folder with a folder for each engine's state [~/.local/share/brume].",
)
@click.option(
    "--database", multiple=True, metavar="NAME=URL", help="SQLAlchemy URL of one engine; may be repeated."
)
@_listening_options
def up(names: tuple[str, ...], **given: Any) -> None:
    """Serve engines (all, or those named) on one port until they are stopped.

    A request is for the engine of the service in its signature. An engine that does not start is named, and
    the others run; requests to it are answered with status 503. `eval "$(brume env)"` points AWS clients at
    them all. /readyz, /healthz and /metrics are of all engines, /_brume/NAME/readyz and so on of one.
    """
    _check_names(names)
    _replace_by("brume.aws.engine.up", names, given)


@click.command()
@click.argument("name", required=False)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The engine's data folder.")
def env(name: str | None, data: Path | None) -> None:
    """Print what to export so that AWS clients reach the running engines: eval "$(brume env)"."""
    from brume.aws.engine import environment
    from brume.aws.engine.catalog import EngineError
    from brume.aws.wire.keys import KeysError

    _check_names((name,) if name else ())
    try:
        lines = environment.lines(name, data)
    except (EngineError, KeysError) as error:
        fail(error)
    click.echo("\n".join(lines))
