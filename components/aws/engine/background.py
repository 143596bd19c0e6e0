"""Work that goes on after its request was answered, in threads of the engine.

Nothing depends on a thread's memory: each kind of work finds in the database what is to be done, so that work
which a kill cut short is taken up when the engine starts again.

    filling = background.kind("dataset", select(datasets.c.id).filter_by(status="CREATING"), fill)
    filling.submit(id)              # after the answer; `fill(id)` runs in a thread
    background.resume(store)        # once, when the engine starts: every row that is pending

Engines that share a database lease their rows (leases.py), and look for pending ones again and again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select

from brume.aws.engine import logs
from brume.aws.engine.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """One kind of work: the keys of the rows that are pending, and what is done for one of them."""

    background: Background
    name: str
    pending: Select[Any]
    work: Callable[..., None]

    def submit(self, *key: Any, again: bool = False) -> None:
        """Do the work for the row with this key soon; see `Background.submit` for `again`."""
        self.background.submit((self.name, *key), self.work, *key, again=again)


class Background:
    """A few threads; work of one key runs once at a time."""

    def __init__(self, threads: int = 8) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")
        self._lock = threading.Lock()
        self._busy: set[Hashable] = set()
        self._again: set[Hashable] = set()
        self._kinds: list[Kind] = []
        self._closed = threading.Event()
        self._watch: threading.Thread | None = None

    def kind(self, name: str, pending: Select[Any], work: Callable[..., None]) -> Kind:
        """Declare a kind of work. `pending` selects the keys, of which each row becomes `work(*row)`.

        The work looks at the row again, does nothing when it is not pending any more, and writes its end, a
        failure included, into the row.
        """
        made = Kind(self, name, pending, work)
        self._kinds.append(made)
        return made

    def resume(self, store: Store, *, every: float = 0.0) -> None:
        """Take up what an earlier process of the engine did not finish.

        With `every`, look for it again after so many seconds, until `close`: what other engines leave.
        """
        self._submit_pending(store)
        if every:
            self._watch = threading.Thread(target=self._look_again, args=(store, every), daemon=True)
            self._watch.start()

    def _look_again(self, store: Store, every: float) -> None:
        while not self._closed.wait(every):
            try:
                self._submit_pending(store)
            except Exception as error:
                logs.failed(_log, "looking for work", error)

    def _submit_pending(self, store: Store) -> None:
        for kind in self._kinds:
            with store.read() as db:
                keys = [tuple(row) for row in db.execute(kind.pending)]
            for key in keys:
                kind.submit(*key)

    def submit(
        self, key: tuple[Hashable, ...], work: Callable[..., None], *arguments: Any, again: bool = False
    ) -> None:
        """Run `work(*arguments)` soon, unless work of the same key waits or runs; its kind is `key[0]`.

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

    def _run(self, key: tuple[Hashable, ...], work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            work(*arguments)
        except Exception as error:
            logs.failed(_log, f"background work {key[0]}", error)
        finally:
            if self._free(key):
                self.submit(key, work, *arguments)

    def _free(self, key: tuple[Hashable, ...]) -> bool:
        """Let work of this key in; return whether it was asked for meanwhile."""
        with self._lock:
            self._busy.discard(key)
            asked = key in self._again
            self._again.discard(key)
        return asked

    def close(self) -> None:
        """Let running work end, and drop what waits."""
        self._closed.set()
        if self._watch is not None:
            self._watch.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
