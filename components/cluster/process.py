"""A detached process of this machine, which any later process can find by name and end.

A file in a folder records its pid together with the moment it started, so that another process which
the system gave the same pid later is never taken for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from brume import storage

_SECONDS_TO_END = 35.0  # a predictor gives running requests 25 s
_SECONDS_BETWEEN_LOOKS = 0.05

_children: dict[int, subprocess.Popen[bytes]] = {}


class DetachedProcess:
    """The process `name`, whether it runs or not.

    `kind` keeps apart processes of one name. The account of the process lies in `folder`/`kind`; without a
    folder, in that of the local run, or outside of one in the user's own among the temporary files.
    """

    def __init__(self, name: str, kind: str, folder: str = "") -> None:
        """Name a process. Raises `ValueError` for a name that could leave the folder."""
        if not name or name.startswith(".") or "/" in name:
            raise ValueError(f"{name!r} cannot be a name: write letters, digits and hyphens only")
        if not folder and (out := os.environ.get("BRUME_OUT")):
            folder = f"{out}/work"
        temporary = Path(tempfile.gettempdir()) / f"brume-{kind}-{os.getuid()}"
        self._folder = Path(folder).absolute() / kind if folder else temporary
        self.log = self._folder / f"{name}.log"
        self._state = self._folder / f"{name}.json"

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Start `command` in a session of its own with its output in `log`; one that still runs is ended."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.stop()
        with self.log.open("wb") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
                start_new_session=True,  # it outlives the step that starts it, and a Ctrl-C meant for that
            )
        _children[child.pid] = child
        state = {"pid": child.pid, "started": _started(child.pid)}
        storage.write_bytes(str(self._state), json.dumps(state).encode())

    def known(self) -> bool:
        """Return whether the process was started and not stopped since, be it alive or not."""
        return self._state.exists()

    def pid(self) -> int | None:
        """Return the pid while the process runs, else None."""
        try:
            state = json.loads(self._state.read_bytes())
        except (OSError, ValueError):
            return None
        pid = int(state["pid"])
        runs = bool(state["started"]) and state["started"] == _started(pid)
        _collect()
        return pid if runs else None

    def last_lines(self, count: int = 30) -> str:
        """Return the end of the log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        return ""

    def stop(self) -> None:
        """End the process and those it started, if it runs: SIGTERM, SIGKILL when that is not enough."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            pid = self.pid()
            if pid is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, how)  # it leads the group of its session
            until = time.monotonic() + _SECONDS_TO_END
            while self.pid() is not None and time.monotonic() < until:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        _collect()
        self._state.unlink(missing_ok=True)


def _collect() -> None:
    """Collect the children of this process that have ended, as a parent has to."""
    for child in list(_children.values()):
        if child.poll() is not None:
            _children.pop(child.pid, None)


def _started(pid: int) -> str:
    """Return a token for the moment that the living process `pid` started, "" when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
        # Not Linux: ps knows the moment to the second.
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except ProcessLookupError:
        return ""
    # proc(5): after the name in brackets come the state and, as the 22nd field of all, the start in ticks
    # since the machine booted. A zombie has ended.
    fields = stat.rsplit(")", 1)[1].split()
    return "" if fields[0] in "ZX" else fields[19]
