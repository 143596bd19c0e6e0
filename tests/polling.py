"""Waiting in tests for what has to happen: look often, give up late."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Far beyond what anything here takes: a loaded machine is slow and not wrong.
SECONDS = 120.0
PAUSE = 0.02


def until(
    look: Callable[[], T],
    what: str | Callable[[], object] = "",
    *,
    seconds: float = SECONDS,
    pause: float = PAUSE,
    error: type[Exception] = AssertionError,
) -> T:
    """Call `look` until it returns something true, and return that.

    `what` is awaited: a text, or a function that describes the state when time is up. A condition that can no
    longer come true is asserted inside `look`: what it raises ends the wait. Raises `error` after
    `seconds`, with the last value.
    """
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            described = what() if callable(what) else what
            raise error(f"not within {seconds:g} s: {described or look} (last value: {found!r})")
        time.sleep(pause)
    return found


def gone(pid: int) -> bool:
    """Whether all threads of a process have ended; its parent may not have waited for it."""
    states = []
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            states.append(thread.read_text().rsplit(")", 1)[1].split()[0])
    return set(states) <= {"Z"}
