"""Runs one engine until it is stopped.

    python -m brume.aws.engine.run inspection --port 8090 --data DIR

The running engine keeps DIR/engine.json (its address, process and services) and takes it away at its end.
SIGTERM and SIGINT let running requests finish.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from brume.aws.engine import catalog, serving
from brume.aws.engine.settings import CommonSettings, lines, read
from brume.aws.wire import keys
from brume.run import lifeline
from brume.run.failing import fail


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="brume.aws.engine.run", description="Run one engine.")
    made.add_argument("name", help="the engine: a folder of components/ with an engine.py")
    made.add_argument("--port", type=int, help="0: one that is free [the engine's own]")
    made.add_argument("--data", type=Path, help="folder of its state [~/.local/share/brume/NAME]")
    made.add_argument(
        "--database", default="", help="SQLAlchemy URL [BRUME_DATABASE, or SQLite in the data folder]"
    )
    made.add_argument("--settings", action="store_true", help="print the engine's variables and end")
    serving.add_options(made)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the engine that the command line names; ends with a message for what cannot be started."""
    options = parser().parse_args(arguments)
    lifeline.follow()
    try:
        if options.settings:
            module = catalog.load(options.name)
            notices: list[str] = getattr(module, "notices", list)()
            print("\n".join([*lines(CommonSettings), *lines(module.SETTINGS), *notices]))
            return
        about = catalog.about(options.name)
        data = (options.data or catalog.data_folder(options.name)).absolute()
        at = serving.listening(options, about.port if options.port is None else options.port, data)
        # A password in the URL stays out of the command line, which others can list, in the environment.
        database = options.database or read(CommonSettings).database
        settings = catalog.Settings(data, serving.folders(options.folder), database)
        serving.serve({options.name: settings}, at, tolerant=False)
    except (catalog.EngineError, keys.KeysError, OSError) as error:
        fail(error)


if __name__ == "__main__":
    main()
