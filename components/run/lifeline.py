"""A run and its processes live and die together.

A local run holds a lock on a file in its output folder, with its own token inside. Each process it starts
calls `follow`: when the lock is free, or another run's token is in the file, the run that started the
process is gone (killed, perhaps), and the process ends too, so that nothing goes on writing beside the next
run. On a cluster there is no such file and Kubernetes does this.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sys
import threading
import time
from pathlib import Path
from typing import IO

from brume import variables
from brume.run.settings import RunSettings

_NAMES = variables.names(RunSettings)
SECONDS_BETWEEN_LOOKS = 0.5
EXIT_CODE = 86


class RunInProgressError(RuntimeError):
    """Another run holds the output folder."""


class Lifeline:
    """The lock that a run holds for as long as it lives."""

    def __init__(self, path: Path) -> None:
        """Take the lock at `path`. Raises `RunInProgressError` when a living run holds it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.token = secrets.token_hex(8)
        self._file = _lock(path)
        # A token in the file means that the last run did not end by itself: its processes get the time to
        # notice before this run starts to write.
        unclean = bool(self._file.read().strip())
        self._file.seek(0)
        self._file.truncate()
        self._file.write(self.token)
        self._file.flush()
        if unclean:
            time.sleep(3 * SECONDS_BETWEEN_LOOKS)

    def environment(self) -> dict[str, str]:
        """Return the variables by which a child process follows this run."""
        return {_NAMES["lock"]: str(self.path), _NAMES["lock_token"]: self.token}

    def cut(self) -> None:
        """Make every process that follows this run end, while the run itself goes on to clean up."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write("cut")
        self._file.flush()

    def release(self) -> None:
        """End the run: the file is emptied and the lock let go."""
        self._file.seek(0)
        self._file.truncate()
        self._file.close()


def _lock(path: Path) -> IO[str]:
    file = path.open("a+")
    file.seek(0)
    for _ in range(4):  # a follower that is looking holds the lock for an instant
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            time.sleep(SECONDS_BETWEEN_LOOKS / 2)
    file.close()
    raise RunInProgressError(
        f"another run is working in {path.parent.parent}: wait for it to end, or choose another --out"
    )


def follow() -> None:
    """End this process (exit code 86) once the run that started it is gone; no-op outside a local run."""
    settings = variables.read(RunSettings)
    path, token = settings.lock, settings.lock_token
    if path and token:
        threading.Thread(target=_watch, args=(Path(path), token), name="lifeline", daemon=True).start()


def _watch(path: Path, token: str) -> None:
    while _alive(path, token):
        time.sleep(SECONDS_BETWEEN_LOOKS)
    # Where the run read this process's output, nobody is left to read it.
    with contextlib.suppress(OSError, ValueError):
        print("the run that started this process is gone: ending", file=sys.stderr, flush=True)
    os._exit(EXIT_CODE)


def _alive(path: Path, token: str) -> bool:
    try:
        with path.open() as file:
            if file.read().strip() != token:
                return False
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
