"""Runs several engines on one port until they are stopped.

    python -m brume.aws.engine.up inspection labels --port 4599

Each engine keeps its own folder, as when it runs alone; one file of keys holds for all. Which engine a
request is for is known from the service in its credential, or from its route.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from brume.aws.engine import catalog, serving
from brume.aws.wire import keys
from brume.run import lifeline
from brume.run.failing import fail

PORT = 4599


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="brume.aws.engine.up", description="Run engines on one port.")
    made.add_argument("names", nargs="*", help="the engines [all]")
    made.add_argument("--port", type=int, default=PORT, help=f"0: one that is free [{PORT}]")
    made.add_argument("--data", type=Path, help="folder with one folder of state an engine")
    made.add_argument("--database", action="append", default=[], metavar="NAME=URL", help="may be repeated")
    serving.add_options(made)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the engines that the command line names; ends with a message for what cannot be started."""
    options = parser().parse_args(arguments)
    lifeline.follow()
    try:
        names = list(dict.fromkeys(options.names)) or list(catalog.names())
        for name in names:
            catalog.about(name)
        base = (options.data or catalog.base_folder()).absolute()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = serving.listening(options, options.port, base)
        databases = _databases(options.database, names)
        folders = serving.folders(options.folder)
        wanted = {name: catalog.Settings(base / name, folders, databases.get(name, "")) for name in names}
        serving.serve(wanted, at, tolerant=True)
    except (catalog.EngineError, keys.KeysError, OSError) as error:
        fail(error)


def _databases(words: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    found = {}
    for word in words:
        name, _, url = word.partition("=")
        if name not in names or not url:
            raise catalog.EngineError(
                f"--database {word.partition(':')[0]}... is not of the form NAME=URL with one of "
                f"{', '.join(names)}: each engine has a database of its own"
            )
        found[name] = url
    return found


if __name__ == "__main__":
    main()
