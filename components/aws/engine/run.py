"""Runs one engine until it is stopped.

    python -m brume.aws.engine.run inspection --port 8090 --data DIR

The running engine keeps DIR/engine.json (its address, process and services) and takes it away at its end.
SIGTERM and SIGINT let running requests finish.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import ipaddress
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from brume import storage
from brume.aws.engine import catalog, logs
from brume.aws.wire import keys
from brume.run import lifeline


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="brume.aws.engine.run", description="Run one engine.")
    made.add_argument("name", help="the engine: a folder of components/ with an engine.py")
    made.add_argument("--port", type=int, help="0: one that is free [the engine's own]")
    made.add_argument("--host", default="127.0.0.1", help="address to listen at")
    made.add_argument("--data", type=Path, help="folder of its state [~/.local/share/brume/NAME]")
    made.add_argument("--folder", action="append", default=[], metavar="PREFIX=DIR", help="may be repeated")
    made.add_argument(
        "--database", default="", help="SQLAlchemy URL [BRUME_DATABASE, or SQLite in the data folder]"
    )
    made.add_argument("--keys", type=Path, help="file of accepted keys [DATA/credentials, made if absent]")
    made.add_argument("--allow-anonymous", action="store_true", help="let nobody sign; on loopback only")
    return made


def folders(words: Sequence[str]) -> dict[str, str]:
    """Return the mapping of `PREFIX=DIR` words. Raises `EngineError` for one that is not of this form."""
    found = {}
    for word in words:
        prefix, _, folder = word.partition("=")
        if not prefix or not folder:
            raise catalog.EngineError(
                f"--folder {word!r} is not of the form PREFIX=DIR, e.g. s3://bucket/=/photos"
            )
        if not Path(folder).is_dir():
            raise catalog.EngineError(f"--folder {word}: there is no folder {folder}")
        found[prefix] = folder
    return found


def is_loopback(host: str) -> bool:
    """Tell whether `host` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the engine that the command line names; ends with a message for what cannot be started."""
    options = parser().parse_args(arguments)
    lifeline.follow()
    try:
        _run(options)
    except (catalog.EngineError, keys.KeysError, OSError) as error:
        sys.exit(f"error: {error}")


def _run(options: argparse.Namespace) -> None:
    about = catalog.about(options.name)
    data = (options.data or catalog.data_folder(options.name)).absolute()
    if options.allow_anonymous and not is_loopback(options.host):
        raise catalog.EngineError(
            f"--allow-anonymous lets in whoever reaches {options.host}: it is for 127.0.0.1 and ::1 alone"
        )
    # A password in the URL is better told by the environment than by a command line, which others can list.
    database = options.database or os.environ.get("BRUME_DATABASE", "")
    settings = catalog.Settings(data, folders(options.folder), database)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)  # pictures and state are nobody else's
    accepted = None if options.allow_anonymous else _keys(options.keys, data)
    with _alone(data), _bound(options.host, about.port if options.port is None else options.port) as listener:
        (data / catalog.STATE).unlink(missing_ok=True)  # of an engine that was killed
        module = catalog.load(options.name)
        from brume.aws.wire.http.server import Server
        from brume.aws.wire.server import create_app

        logs.configure()
        engine = module.create(settings)
        application = create_app(engine, keys=accepted)
        host = f"[{options.host}]" if ":" in options.host else options.host
        url = f"http://{host}:{listener.getsockname()[1]}"
        state = {"name": options.name, "url": url, "pid": os.getpid(), "services": list(engine.services)}
        state |= (
            {"anonymous": True} if accepted is None else {"credentials": str(_keys_file(options.keys, data))}
        )
        # While it serves, the server takes these itself, and ends well.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: sys.exit(0))

        def started() -> None:
            storage.write_bytes(str(data / catalog.STATE), json.dumps(state, indent=1).encode())
            lines = [f"{options.name} on {url}, data in {data}", *([engine.hint] if engine.hint else [])]
            print("\n".join(lines), file=sys.stderr, flush=True)

        try:
            Server(application).run([listener], started)
        finally:
            (data / catalog.STATE).unlink(missing_ok=True)


def _keys_file(given: Path | None, data: Path) -> Path:
    named = given or os.environ.get("BRUME_KEYS_FILE")
    return Path(named).absolute() if named else data / catalog.CREDENTIALS


def _keys(given: Path | None, data: Path) -> dict[str, keys.Key]:
    path = _keys_file(given, data)
    return keys.make(path) if path == data / catalog.CREDENTIALS and not path.exists() else keys.load(path)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder: two engines on one folder would undo each other's work."""
    with (data / catalog.LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise catalog.EngineError(
                f"an engine runs on {data}: stop it, or choose another folder with --data"
            ) from None
        yield


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Bind before anything is loaded, so that a port in use is known at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: asyncio turns off Nagle's wait, 40 ms an answer, only where it is.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise catalog.EngineError(
                f"cannot listen at {host}:{port}: {error}: choose another --port"
            ) from None
        yield listener


if __name__ == "__main__":
    main()
