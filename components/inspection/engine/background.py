"""Work that goes on after its request was answered, in threads of the engine.

Nothing depends on a thread's memory: each kind of work finds in the database what is to be done, so that
work which a kill cut short is taken up when the engine starts again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_log = logging.getLogger(__name__)


class Background:
    """A few threads; work of one key runs once at a time."""

    def __init__(self, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._lock = threading.Lock()
        self._busy: set[Hashable] = set()
        self._again: set[Hashable] = set()

    def submit(self, key: Hashable, work: Callable[..., None], *arguments: Any, again: bool = False) -> None:
        """Run `work(*arguments)` soon, unless work of the same key waits or runs.

        With `again`, work that runs is run once more after: what there is to do now, it may not have seen.
        """
        with self._lock:
            if key in self._busy:
                if again:
                    self._again.add(key)
                return
            self._busy.add(key)
        try:
            self._pool.submit(self._run, key, work, arguments)
        except RuntimeError:  # shutting down: the next start takes it up
            self._free(key)

    def _run(self, key: Hashable, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            work(*arguments)
        except Exception:
            _log.exception("background work %s failed", key)
        finally:
            if self._free(key):
                self.submit(key, work, *arguments)

    def _free(self, key: Hashable) -> bool:
        """Let work of this key in; tell whether it was asked for meanwhile."""
        with self._lock:
            self._busy.discard(key)
            asked = key in self._again
            self._again.discard(key)
        return asked

    def close(self) -> None:
        """Let running work end, and drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)
