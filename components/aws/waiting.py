"""Polling a service until one of its resources has reached a state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class StillWaitingError(TimeoutError):
    """The time is over; `last` is the last response."""

    def __init__(self, last: Any) -> None:
        super().__init__(f"not done in time; the last response: {last}")
        self.last = last


def wait_until(
    request: Callable[[], T],
    done: Callable[[T], bool],
    *,
    seconds: float = math.inf,
    first_pause: float = 0.1,
    longest_pause: float = 2.0,
    waiting: Callable[[T], None] = lambda response: None,
) -> T:
    """Call `request` until `done(response)`, and return that response.

    Pauses grow by half from `first_pause` to `longest_pause` seconds; `waiting` is called with every response
    that is not the last. What `request`, `done` and `waiting` raise ends the wait: so a caller reports a
    state that does not pass by itself. Raises `StillWaitingError` after `seconds`; the first request is
    always made.
    """
    end, pause = time.monotonic() + seconds, first_pause
    while not done(response := request()):
        left = end - time.monotonic()
        if left <= 0:
            raise StillWaitingError(response)
        waiting(response)
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, longest_pause)
    return response
