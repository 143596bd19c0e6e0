"""Follow a container's log over as many connections as it takes, each line once."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

_SECONDS_TO_DRAIN = 20.0
_SECONDS_BETWEEN_TRIES = 1.0
_TRIES_AFTER_THE_END = 3
_STAMPED = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z ?(.*)$", re.DOTALL)


class LogFollower:
    """A thread that gives every line of one container's log to `log`, until the container ends.

    `open_log(since_seconds)` opens the log from so many seconds ago (None: from its start), each line with
    the time at which it was written. After a cut it is opened again a little before the last line seen, and
    the lines already given are passed over by their times.
    """

    def __init__(self, open_log: Callable[[int | None], Any], log: Callable[[str], None]) -> None:
        self._open_log = open_log
        self._log = log
        self._last = ("", "")  # the time of the last line given: whole seconds, and the fraction's digits
        self._with_last = 0  # how many lines had that very time
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pod-log", daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Wait until the last line of a container that has ended is given."""
        self._ended.set()
        self._thread.join(_SECONDS_TO_DRAIN)

    def _run(self) -> None:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        arrived = time.monotonic()
        failures = 0
        while True:
            last_time = self._ended.is_set()
            try:
                response = self._open_log(int(time.monotonic() - arrived) + 30 if self._last[0] else None)
                try:
                    again = 0
                    rest = b""
                    for chunk in response.stream(8192):
                        *lines, rest = (rest + chunk).split(b"\n")
                        for line in lines:
                            again = self._give(line.decode(errors="replace"), again)
                            arrived = time.monotonic()
                    if rest:
                        self._give(rest.decode(errors="replace"), again)
                finally:
                    response.release_conn()
                # A connection may also end without an error: what counts is a look after the container's end.
                if last_time:
                    return
            except (ApiException, HTTPError, OSError):  # not started yet, or the connection was lost
                failures += last_time
                if failures == _TRIES_AFTER_THE_END:
                    return
            self._ended.wait(_SECONDS_BETWEEN_TRIES)

    def _give(self, line: str, again: int) -> int:
        """Give a line unless it was given before; `again` counts the lines of the last time seen twice."""
        match = _STAMPED.match(line)
        if not match:
            self._log(line)
            return again
        time_of_line = (match[1], (match[2] or "").ljust(9, "0"))
        if time_of_line < self._last:
            return again
        if time_of_line == self._last:
            again += 1
            if again <= self._with_last:
                return again
            self._with_last += 1
        else:
            self._last, self._with_last, again = time_of_line, 1, 1
        self._log(match[3])
        return again
