"""Starts engines, one or several on one port, and serves them until the process is stopped."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import ipaddress
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from brume import storage
from brume.aws.engine import catalog, logs
from brume.aws.engine.settings import CommonSettings, read
from brume.aws.wire import keys

if TYPE_CHECKING:
    from brume.aws.engine.tls import Tls
    from brume.aws.wire.health import Failed
    from brume.aws.wire.served import Served

logger = logging.getLogger("brume.engine")
_LOCK_SECONDS = 3.0  # what an engine that was killed has started may hold its folder a moment longer


@dataclass(frozen=True)
class Listening:
    """Where and for whom engines answer. `keys` is the file of accepted keys, None for no signatures."""

    host: str
    port: int
    keys: Path | None
    make_keys: bool = False  # when the file of keys is absent
    unsigned: tuple[str, ...] = ()  # services or engines whose requests need no signature
    tls_folder: Path | None = None  # of an own authority
    tls_names: tuple[str, ...] = ()
    tls_files: tuple[Path, Path] | None = None  # given certificate and key


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every command that listens can be given."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--folder", action="append", default=[], metavar="PREFIX=DIR", help="may be repeated")
    parser.add_argument("--keys", type=Path, help="file of accepted keys [DATA/credentials, made if absent]")
    parser.add_argument("--allow-anonymous", action="store_true", help="let nobody sign; on loopback only")
    parser.add_argument("--unsigned", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--tls", action="store_true", help="TLS, with an authority in the data folder")
    parser.add_argument("--tls-name", action="append", default=[], help="a further name in its certificate")
    parser.add_argument("--tls-certificate", type=Path, help="PEM file of a chain to use instead")
    parser.add_argument("--tls-key", type=Path, help="PEM file of its key")


def listening(options: argparse.Namespace, port: int, data: Path) -> Listening:
    """Return what the options ask for. Raises `EngineError` for what would let strangers in."""
    if not is_loopback(options.host):
        if options.allow_anonymous:
            raise catalog.EngineError(
                f"--allow-anonymous lets in all who reach {options.host}: it is for 127.0.0.1 and ::1 alone"
            )
        if options.unsigned:
            raise catalog.EngineError(
                f"--unsigned opens {', '.join(options.unsigned)} to everyone who reaches {options.host}: "
                "it is for 127.0.0.1 and ::1 alone"
            )
    if bool(options.tls_certificate) != bool(options.tls_key):
        raise catalog.EngineError("--tls-certificate and --tls-key go together: give both")
    own = options.tls and not options.tls_certificate
    if options.tls_name and not own:
        raise catalog.EngineError("--tls-name is for the certificate that --tls makes: give --tls")
    file = _keys_file(options.keys, data)
    names = [*options.tls_name, *([] if _everywhere(options.host) else [options.host])]
    return Listening(
        host=options.host,
        port=port,
        keys=None if options.allow_anonymous else file,
        make_keys=file == data / catalog.CREDENTIALS,
        unsigned=tuple(options.unsigned),
        tls_folder=data / "tls" if own else None,
        tls_names=tuple(names),
        tls_files=(options.tls_certificate, options.tls_key) if options.tls_certificate else None,
    )


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
    """Return whether `host` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _everywhere(host: str) -> bool:
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - it is compared, not listened at


def serve(wanted: dict[str, catalog.Settings], at: Listening, *, tolerant: bool) -> None:
    """Serve engines, by name, until the process is stopped.

    With `tolerant`, an engine that does not start is named, its requests are answered with the reason, and
    the others run; all failing is an error. Without, the first failure is one. Raises `EngineError`,
    `KeysError`, and `ListenError` for an address that is taken.
    """
    _check_unsigned(at.unsigned, wanted)
    from brume.aws.wire.http.server import Server, listen

    with listen(at.host, at.port) as listener, contextlib.ExitStack() as stack:
        for settings in wanted.values():
            settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)  # state is nobody else's
        accepted = _accepted(at)
        from brume.aws.wire.server import create_apps

        logs.configure()
        served, failed = _start(wanted, stack, at.unsigned, tolerant=tolerant)
        try:
            secure = _tls(at)
            application = create_apps(served, keys=accepted, failed=failed)
        except ValueError as error:
            for one in served:
                one.close()
            raise catalog.EngineError(str(error)) from None
        host = f"[{at.host}]" if ":" in at.host else at.host
        url = f"http{'s' if secure else ''}://{host}:{listener.getsockname()[1]}"
        # While it serves, the server takes these itself, and ends well.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: sys.exit(0))

        def started() -> None:
            lines = []
            for one in served:
                data = wanted[one.name].data
                state = {"name": one.name, "url": url, "pid": os.getpid()}
                state |= {"services": list(one.engine.services), "unsigned": sorted(one.unsigned)}
                state |= {"anonymous": True} if at.keys is None else {"credentials": str(at.keys)}
                state |= {"bundle": secure.bundle} if secure and secure.bundle else {}
                storage.write_bytes(str(data / catalog.STATE), json.dumps(state, indent=1).encode())
                stack.callback((data / catalog.STATE).unlink, missing_ok=True)
                lines.append(f"{one.name} on {url}, data in {data}")
                lines += [one.engine.hint] if one.engine.hint else []
            print("\n".join(lines), file=sys.stderr, flush=True)

        Server(application, tls=secure.context if secure else None).run([listener], started)


def _start(
    wanted: dict[str, catalog.Settings],
    stack: contextlib.ExitStack,
    unsigned: Sequence[str],
    *,
    tolerant: bool,
) -> tuple[list[Served], list[Failed]]:
    from brume.aws.client import service_model
    from brume.aws.wire.health import Failed
    from brume.aws.wire.served import Served

    served: list[Served] = []
    failed: list[Failed] = []
    for name, settings in wanted.items():
        about = catalog.about(name)
        open_services = about.services if name in unsigned else set(about.services) & set(unsigned)
        try:
            stack.enter_context(_alone(settings.data))
            (settings.data / catalog.STATE).unlink(missing_ok=True)  # of an engine that was killed
            engine = catalog.load(name).create(settings)
            served.append(Served(name, engine, unsigned=frozenset(open_services)))
        except Exception as error:
            if not tolerant:
                raise
            if not isinstance(error, (ValueError, OSError)):
                logs.failed(logger, f"the start of {name}", error)
            print(f"the engine {name} did not start: {error}", file=sys.stderr, flush=True)
            signing = frozenset(str(service_model(service).signing_name) for service in about.services)
            failed.append(Failed(name, signing, f"the engine {name} did not start: see the server's output"))
    if not served:
        raise catalog.EngineError("no engine started")
    return served, failed


def _check_unsigned(unsigned: Sequence[str], wanted: dict[str, catalog.Settings]) -> None:
    known = {*wanted, *(service for name in wanted for service in catalog.about(name).services)}
    for name in unsigned:
        if name not in known:
            raise catalog.EngineError(f"--unsigned {name}: there are: {', '.join(sorted(known))}")


def _tls(at: Listening) -> Tls | None:
    from brume.aws.engine import tls

    if at.tls_files is not None:
        return tls.given(*at.tls_files)
    if at.tls_folder is None:
        return None
    made = tls.own(at.tls_folder, at.tls_names)
    tls.keep(made, at.tls_folder, at.tls_names)
    return made


def _keys_file(given: Path | None, data: Path) -> Path:
    named = given or read(CommonSettings).keys_file
    return Path(named).absolute() if named else data / catalog.CREDENTIALS


def _accepted(at: Listening) -> dict[str, keys.Key] | None:
    if at.keys is None:
        return None
    return keys.make(at.keys) if at.make_keys and not at.keys.exists() else keys.load(at.keys)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder: two engines on one folder would undo each other's work."""
    with (data / catalog.LOCK).open("a") as file:
        given_up = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > given_up:
                    raise catalog.EngineError(
                        f"an engine runs on {data}: stop it, or choose another folder with --data"
                    ) from None
                time.sleep(0.1)
        yield
