"""A scheduler: actions at their time, in order, on one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Scheduler:
    """A thread that calls each planned action at its monotonic time, or as soon after as it can.

    Actions must be short. What one raises is logged, and the rest goes on.
    """

    def __init__(self, name: str) -> None:
        self._wake = threading.Condition()
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._open = True
        self._thread = threading.Thread(target=self._run, name=f"scheduler-{name}", daemon=True)
        self._thread.start()

    def at(self, when: float, action: Callable[[], None]) -> None:
        """Plan `action` for the monotonic time `when`, after those planned for the same time."""
        with self._wake:
            heapq.heappush(self._planned, (when, next(self._order), action))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._open and (not self._planned or self._planned[0][0] > time.monotonic()):
                    wait = self._planned[0][0] - time.monotonic() if self._planned else None
                    self._wake.wait(wait if wait is None or wait > 0 else 0)
                if not self._open:
                    return
                _, _, action = heapq.heappop(self._planned)
            try:
                action()
            except Exception:
                _log.exception("a planned action failed")

    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Drop what is planned and end the thread."""
        with self._wake:
            self._open = False
            self._planned.clear()
            self._wake.notify()
        if self._thread is not threading.current_thread():
            self._thread.join()
