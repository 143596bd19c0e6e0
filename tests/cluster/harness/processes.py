"""Programs that run beside the tests, stopped in the opposite order of their start."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.cluster.harness.binaries import Unavailable, system
from tests.polling import until

_SECONDS_TO_END = 10.0


def ending_with_this() -> list[str]:
    """Return what is put before a command that shall not outlive this process, even when it is killed."""
    return [str(system("setpriv", package="util-linux")), "--pdeathsig", "KILL", "--"]


class Processes:
    """The programs of one cluster; each writes its log to `folder/NAME.log`.

    `prefix` is put before every command: what takes it to where it shall run. None of them outlives this
    process, not even when it is killed.
    """

    def __init__(self, folder: Path, prefix: Sequence[str] = ()) -> None:
        """Start nothing yet."""
        self.folder = folder
        self._prefix = [*ending_with_this(), *prefix]
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool] | None = None,
        seconds: float = 60.0,
    ) -> None:
        """Start a program, and wait up to `seconds` until `ready()` holds.

        An exception that `ready` raises counts as not ready. Raises `Unavailable`, with the last lines of
        the log, when the program ends first or the time is over.
        """
        log = self.folder / f"{name}.log"
        with log.open("ab") as out:
            self._running[name] = process = subprocess.Popen(
                [*self._prefix, *map(str, argv)],
                env=os.environ | dict(env or {}),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests; they stop these in their order
            )
        if ready is None:
            return

        def is_ready() -> bool:
            if process.poll() is not None:
                raise Unavailable(f"{name} ended with code {process.returncode}:\n{self.last_lines(name)}")
            with contextlib.suppress(Exception):
                return ready()
            return False

        until(
            is_ready,
            lambda: f"{name} was not ready:\n{self.last_lines(name)}",
            seconds=seconds,
            pause=0.1,
            error=Unavailable,
        )

    def last_lines(self, name: str, count: int = 15) -> str:
        """Return the end of a program's log, indented."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-count:]
        return "\n".join(f"  {line}" for line in lines)

    def stop(self, name: str | None = None) -> None:
        """End one program, or all of them, the last one started first."""
        for each in [name] if name else [*reversed(self._running)]:
            process = self._running.pop(each)
            # It may have ended by itself, and its group with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
