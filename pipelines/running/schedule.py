"""Runs at the times of a cron expression: how it is read, and the runs on this machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from cronsim import CronSim, CronSimError


class ScheduleError(ValueError):
    """A cron expression that means nothing; the message says why."""


def six_fields(cron: str) -> str:
    """Return a cron expression as Kubeflow Pipelines takes it: six fields, seconds first.

    Five fields, as cron has them, mean second 0. Times are UTC. Raises `ScheduleError`.
    """
    fields = cron.split()
    complete = " ".join(["0", *fields] if len(fields) == 5 else fields)
    try:
        CronSim(complete, datetime.now(UTC))
    except CronSimError as error:
        raise ScheduleError(
            f"--cron {cron!r} is no schedule ({str(error).lower()}): it takes five fields "
            '("0 * * * *" is every hour) or six, seconds first ("0 0 3 * * *" is every night at three)'
        ) from None
    return complete


def run_here(words: Sequence[str], cron: str, say: Callable[[str], None]) -> NoReturn:
    """Run `brume run WORDS` at every time of a six-field `cron` until this process is interrupted.

    A time that comes while a run goes on is left out. A run that fails is reported, and the next one comes.
    """
    while True:
        due = next(CronSim(cron, datetime.now(UTC)))
        say(f"next run at {due:%Y-%m-%d %H:%M:%S} UTC")
        # Short sleeps, so that a machine which was suspended runs what is due when it wakes.
        while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
            time.sleep(min(left, 30.0))
        code = subprocess.run([sys.executable, "-m", "brume", "run", *words], check=False).returncode
        if code:
            say(f"the run of {due:%H:%M:%S} failed (code {code})")
