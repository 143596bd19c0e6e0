"""A step that is cancelled while it waits for the cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable


def cancel(code: str, when: Callable[[], object]) -> int:
    """Run `code` as a step, end it like Kubernetes does once `when` is true, and return its exit code."""
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ}) as step:
        while not when():
            assert step.poll() is None
            time.sleep(0.05)
        step.send_signal(signal.SIGTERM)
        return step.wait(30)
