"""Times of work: three weeks of working days, one task at a time for each worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from brume.labels.demo.workforce import Worker

START = datetime(2026, 3, 2, 7, tzinfo=UTC)  # a Monday
DAY = 10 * 3600.0  # seconds of a working day


def moment(worked: float) -> datetime:
    """Return the time at which so many seconds of working days have passed since the start."""
    day, rest = divmod(worked, DAY)
    return START + timedelta(days=int(day) + 2 * (int(day) // 5), seconds=rest)


def stamp(time: datetime) -> str:
    """Return a time as worker responses write it: whole seconds, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Clock:
    """Gives each answer its time, after the worker's last one."""

    def __init__(self) -> None:
        self._free: dict[str, float] = {}

    def answer(
        self, worker: Worker, release: float, seconds: float, rng: np.random.Generator
    ) -> tuple[datetime, datetime]:
        """Return when a task was accepted and submitted.

        `release` is when the task was there, in seconds of working days; `seconds` how long it took.
        """
        ready = max(release + rng.uniform(30, 2400), self._free.get(worker.sub, 0.0) + rng.uniform(4, 90))
        self._free[worker.sub] = ready + seconds
        accepted = moment(ready)
        return accepted, accepted + timedelta(seconds=seconds)
