"""Work in the background: one run at a time for each key."""

from __future__ import annotations

import threading

from brume.aws.engine.background import Background
from tests.polling import SECONDS


class Work:
    """Waits in each run until it is let go on."""

    def __init__(self) -> None:
        self.runs = 0
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def __call__(self) -> None:
        self.runs += 1
        self.entered.release()
        assert self.go_on.acquire(timeout=SECONDS)


def test_work_of_one_key_runs_once_at_a_time() -> None:
    background, work = Background(), Work()
    background.submit("a", work)
    work.entered.acquire()
    background.submit("a", work)
    work.go_on.release()
    background.close()
    assert work.runs == 1


def test_work_that_is_asked_for_again_runs_once_more() -> None:
    background, work = Background(), Work()
    background.submit("a", work)
    work.entered.acquire()
    for _ in range(3):
        background.submit("a", work, again=True)
    work.go_on.release()
    work.entered.acquire()
    work.go_on.release()
    background.close()
    assert work.runs == 2
