"""The database of Kubeflow Pipelines: MariaDB, by MySQL's protocol, on this machine."""

from __future__ import annotations

import socket
import subprocess

from tests.cluster.harness.binaries import Unavailable, system
from tests.cluster.harness.processes import Processes

PORT = 3306
_PACKAGE = "mariadb-server-core mariadb-client-core"


def start(processes: Processes, host: str) -> None:
    """Start an empty server at `host`, whose user root has no password. Raises `Unavailable`."""
    folder = processes.folder / "mariadb"
    server = system("mariadbd", package=_PACKAGE)
    made = subprocess.run(
        [
            *(system("mariadb-install-db", package=_PACKAGE), "--no-defaults", f"--datadir={folder}"),
            *(
                "--user=root",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise Unavailable(f"MariaDB cannot make a database:\n{made.stdout[-500:]}{made.stderr[-500:]}")
    # What may be asked from where is the test network's business: pods come from many addresses.
    allow = folder / "allow.sql"
    allow.write_text("CREATE USER 'root'@'%';\nGRANT ALL ON *.* TO 'root'@'%';\n")
    processes.start(
        "mariadb",
        [
            *(server, "--no-defaults", f"--datadir={folder}", "--user=root", f"--init-file={allow}"),
            *(f"--bind-address={host}", f"--port={PORT}", f"--socket={folder}/mariadb.sock"),
            *(
                f"--pid-file={folder}/mariadb.pid",
                "--skip-name-resolve",
                "--innodb-flush-log-at-trx-commit=0",
            ),
        ],
        ready=lambda: _answers(host),
    )


def version() -> str:
    """Return the program's version."""
    done = subprocess.run([system("mariadbd", package=_PACKAGE), "--version"], capture_output=True, text=True)
    return done.stdout.split("Ver ")[1].split()[0]


def _answers(host: str) -> bool:
    with socket.create_connection((host, PORT), timeout=1) as connection:
        return bool(connection.recv(1))
