"""A run and its processes: one run a folder, and no process outlives its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brume.run.lifeline import EXIT_CODE, Lifeline, RunInProgressError
from tests.polling import gone, until

FOLLOWER = """
import time
from brume.run import lifeline
lifeline.follow()
print("here", flush=True)
time.sleep(60)
"""
OWNER = f"""
import os, subprocess, sys, time
from pathlib import Path
from brume.run.lifeline import Lifeline
line = Lifeline(Path(sys.argv[1]))
follower = [sys.executable, "-c", {FOLLOWER!r}]
child = subprocess.Popen(
    follower, env=os.environ | line.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    line = Lifeline(tmp_path / "work" / "run.lock")
    with pytest.raises(RunInProgressError, match=str(tmp_path)):
        Lifeline(tmp_path / "work" / "run.lock")
    line.release()
    Lifeline(tmp_path / "work" / "run.lock").release()


def test_a_process_ends_when_its_run_is_killed(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "run.lock"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(lock)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    Lifeline(lock).release()  # the next run waits until the last one's processes have had time to notice
    try:
        until(lambda: gone(child), "the end of a process whose run was killed", seconds=30)
    finally:
        if not gone(child):
            os.kill(child, signal.SIGKILL)


def test_a_process_ends_when_its_run_lets_go(tmp_path: Path) -> None:
    line = Lifeline(tmp_path / "work" / "run.lock")
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOWER], env=os.environ | line.environment(), stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.poll() is None
        line.cut()
        assert child.wait(20) == EXIT_CODE
    line.release()
