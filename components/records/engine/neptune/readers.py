"""Processes that have the graph open and wait: opening it takes longer than most queries do.

A process serves one access key, and one generation of the graph; those of an older generation end when a
newer one is published.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brume.aws.engine.sandbox import Job, LostError, Sandbox


@dataclass(frozen=True)
class _Reader:
    """A process that waits, and for whom."""

    account: str
    key: str
    generation: Path
    job: Job


class Readers:
    """The processes that wait; used by many threads."""

    def __init__(self, sandbox: Sandbox, most: int) -> None:
        """Keep at most `most` of them: those that were used last."""
        self._sandbox, self._most = sandbox, most
        self._lock = threading.Lock()
        self._waiting: list[_Reader] = []
        self._newest: Path | None = None  # generation of those that may wait; None: any
        self._closed = False

    def begin(self, account: str, key: str, generation: Path, request: Mapping[str, Any]) -> Job:
        """Give a request to a process of this key that waits, or to a new one. Raises `LostError`."""
        request = {**request, "generation": str(generation)}
        while (job := self._take(account, key, generation)) is not None:
            try:
                job.again(request)
            except LostError:  # the system ended it while it waited
                job.end()
                continue
            return job
        return self._sandbox.start(request)

    def keep(self, account: str, key: str, generation: Path, job: Job) -> None:
        """Have the process of a job that has been answered wait for the next query of its key."""
        with self._lock:
            if self._closed or self._newest not in (None, generation):
                ended = [job]
            else:
                self._waiting.append(_Reader(account, key, generation, job))
                ended = [one.job for one in self._waiting[: -self._most]]
                self._waiting = self._waiting[-self._most :]
        for one in ended:
            one.end()

    def publish(self, generation: Path) -> None:
        """End what waits with another generation than this, which is the newest."""
        with self._lock:
            self._newest = generation
            ended = [one.job for one in self._waiting if one.generation != generation]
            self._waiting = [one for one in self._waiting if one.generation == generation]
        for job in ended:
            job.end()

    def close(self) -> None:
        """End all that wait; none waits any more."""
        with self._lock:
            self._closed = True
            ended, self._waiting = self._waiting, []
        for one in ended:
            one.job.end()

    def _take(self, account: str, key: str, generation: Path) -> Job | None:
        with self._lock:
            for one in reversed(self._waiting):
                if (one.account, one.key, one.generation) == (account, key, generation):
                    self._waiting.remove(one)
                    return one.job
        return None
