"""A real PostgreSQL server for engines' state, where one can be started."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest


def program(name: str) -> str:
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True), shutil.which(name)]
    if not found[0]:
        pytest.skip(f"no PostgreSQL server: {name} is neither in /usr/lib/postgresql nor on the PATH")
    return str(found[0])


def as_server(command: list[str]) -> None:
    """Run a program of PostgreSQL, which refuses to run as root, as another user then."""
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        user = {"user": server_user().pw_uid, "group": server_user().pw_gid, "extra_groups": []}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **user)
    assert done.returncode == 0, done.stderr + done.stdout


def server_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    pytest.skip("no PostgreSQL server: root cannot run one, and there is no user postgres or nobody")


@contextlib.contextmanager
def server(host: str = "127.0.0.1", clients: Sequence[str] = ()) -> Iterator[str]:
    """Start a server with an empty database at `host`; yields its URL.

    It lets in programs of this machine, and the networks `clients`.
    """
    initdb, control = program("initdb"), program("pg_ctl")
    with tempfile.TemporaryDirectory(prefix="brume-pg-") as folder, socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
        free.close()
        if os.getuid() == 0:
            os.chown(folder, server_user().pw_uid, server_user().pw_gid)
        as_server([initdb, "-D", f"{folder}/db", "-U", "brume", "-A", "trust", "--no-sync"])
        with Path(folder, "db", "pg_hba.conf").open("a") as rules:
            rules.writelines(f"host all all {network} trust\n" for network in clients)
        options = f"-p {port} -k {folder} -c listen_addresses={host} -c fsync=off"
        as_server([control, "-D", f"{folder}/db", "-l", f"{folder}/log", "-w", "-o", options, "start"])
        try:
            yield f"postgresql://brume@{host}:{port}/postgres"
        finally:
            as_server([control, "-D", f"{folder}/db", "-m", "immediate", "stop"])


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """Start a server with an empty database; return its URL."""
    with server() as url:
        yield url
