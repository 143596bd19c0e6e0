"""The circuit breaker between the line and the service.

It has an unusual half-open state, on purpose: parts on the line never probe. While the breaker is open
they are decided on the device and queued, and the queue's drainer, which has all the time it wants, tries
the oldest of them. Its success closes the breaker. Were the drainer to wait for the breaker as well, and
nothing else to call, the breaker could never close again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Breaker:
    """Open after `failures` in a row; closed by a probe that was answered quickly enough.

    `changed` is called with True when it opens and with False when it closes, outside the lock.
    """

    def __init__(self, failures: int, changed: Callable[[bool], None] = lambda opened: None) -> None:
        self._limit = failures
        self._changed = changed
        self._lock = threading.Lock()
        self._failures = 0
        self._open = False

    @property
    def open(self) -> bool:
        """Whether parts on the line must not call the service."""
        return self._open

    def failed(self) -> None:
        """Count a call without an answer in time."""
        with self._lock:
            self._failures += 1
            opens = not self._open and self._failures >= self._limit
            self._open = self._open or opens
        if opens:
            self._changed(True)

    def succeeded(self, *, probe: bool = False) -> None:
        """Count an answer in time; that of a probe closes the breaker."""
        with self._lock:
            if self._open and not probe:  # a call from before it opened is no evidence of now
                return
            closes, self._open, self._failures = self._open, False, 0
        if closes:
            self._changed(False)
