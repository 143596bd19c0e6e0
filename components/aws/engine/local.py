"""Engines as processes on this machine, started for a run or a command and stopped after it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brume.aws import addresses
from brume.aws.engine import catalog
from brume.aws.wire import keys

SECONDS_TO_START = 120
SECONDS_TO_END = 30


@contextlib.contextmanager
def started(needed: Mapping[str, Mapping[str, str]], root: Path) -> Iterator[dict[str, str]]:
    """Start the engines of `needed` (name -> folders), data in `root`/NAME; yields the variables to set.

    Services for which the user configured an endpoint keep it; an engine all of whose services have one is
    not started. Engines accept
    the user's own credentials; where there are none, a key is made, and is among the variables. Raises
    `brume.aws.engine.catalog.EngineError` for one that does not start, with the end of its log.
    """
    missing = {name: _without_endpoint(catalog.about(name).services) for name in needed}
    missing = {name: services for name, services in missing.items() if services}
    with contextlib.ExitStack() as stack:
        # Folders that the user maps go on standing for their addresses.
        mine = addresses.folders()
        folders = {name: {**mine, **needed[name]} for name in missing}
        known = {prefix: folder for one in folders.values() for prefix, folder in one.items()}
        variables = {addresses.FOLDERS: json.dumps(known)} if known else {}
        own = _own_credentials() if missing else None
        for name, services in missing.items():
            data = root / name
            # Engines of one run share one key, as one client environment has one.
            key = (root / catalog.CREDENTIALS) if own is None else None
            if key is not None:
                (made,) = keys.make(key).values()
                variables |= {"AWS_ACCESS_KEY_ID": made.access_key, "AWS_SECRET_ACCESS_KEY": made.secret}
            url = stack.enter_context(_running(name, data, folders[name], key, own))
            variables |= {catalog.endpoint_variable(service): url for service in services}
        yield variables


@contextlib.contextmanager
def state_of_run(name: str, root: Path, folders: Mapping[str, str], port: int) -> Iterator[str]:
    """Run the engine `name` on what `started` left in `root`; yields its URL. `port` 0 is a free one.

    It takes the key of the run, or one that is made: `brume env NAME --data ROOT/NAME` prints it. Raises
    `brume.aws.engine.catalog.EngineError` where it does not start, with the end of its log.
    """
    key = root / catalog.CREDENTIALS
    keys.make(key)
    with _running(name, root / name, folders, key, None, port) as url:
        yield url


def _without_endpoint(services: Sequence[str]) -> list[str]:
    """Return the services that have no endpoint, neither by a variable nor in the configuration file."""
    return [
        service
        for service in services
        if not os.environ.get("AWS_ENDPOINT_URL")
        and not os.environ.get(catalog.endpoint_variable(service))
        and ".amazonaws.com" in _endpoint(service)
    ]


def _endpoint(service: str) -> str:
    import boto3

    from brume.aws.client import session_with_models

    session = boto3.session.Session(botocore_session=session_with_models())
    region = session.region_name or "us-east-1"
    return str(session.client(service, region_name=region).meta.endpoint_url)


def _own_credentials() -> Any:
    """Return the credentials that the user's clients sign with, frozen, or None."""
    import boto3

    found = boto3.session.Session().get_credentials()
    return found.get_frozen_credentials() if found else None


@contextlib.contextmanager
def _running(
    name: str, data: Path, folders: Mapping[str, str], key: Path | None, own: Any, port: int = 0
) -> Iterator[str]:
    """Run one engine; yields its URL. The user's own key reaches it by a pipe, never by a file."""
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "brume.aws.engine.run", name, "--port", str(port), "--data", str(data)]
    for prefix, folder in folders.items():
        command += ["--folder", f"{prefix}={folder}"]
    log = data / "engine.log"
    with contextlib.ExitStack() as stack, log.open("ab") as output:
        before = output.tell()
        passed = []
        if key is None:
            passed = [_piped(stack, own)]
        command += ["--keys", f"/dev/fd/{passed[0]}" if passed else str(key)]
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            pass_fds=passed,
            start_new_session=True,  # it ends when the run says so, not by the terminal's Ctrl-C
        )
    try:
        yield _ready(name, process, data, log, before)
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _piped(stack: contextlib.ExitStack, own: Any) -> int:
    lines = ["[user]", f"aws_access_key_id = {own.access_key}", f"aws_secret_access_key = {own.secret_key}"]
    lines += [f"aws_session_token = {own.token}"] if own.token else []
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write("\n".join(lines))  # less than a pipe holds, so that nothing waits for a reader
    return reading


def _ready(name: str, process: subprocess.Popen[bytes], data: Path, log: Path, before: int) -> str:
    """Wait until the engine answers, and return its URL. `before` bytes of its log are of earlier ones."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        state = catalog.running(data)
        if state and state.pid == process.pid:
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{state.url}/readyz", timeout=10),  # noqa: S310 - our own address
            ):
                return state.url
        time.sleep(0.05)
    else:
        raise catalog.EngineError(f"the engine {name} is not ready after {SECONDS_TO_START} s: see {log}")
    last = log.read_bytes()[before:].decode(errors="replace").strip().splitlines()[-3:]
    raise catalog.EngineError(
        f"the engine {name} ended at once (code {process.returncode}): {' | '.join(last)}\nIts log is {log}"
    )
