"""A step that is cancelled while it waits for the cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.polling import until


def cancel(code: str, when: Callable[[], object]) -> int:
    """Run `code` as a step, end it like Kubernetes does once `when` is true, and return its exit code."""
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ}) as step:

        def reached() -> object:
            assert step.poll() is None
            return when()

        until(reached, "the moment to cancel the step")
        step.send_signal(signal.SIGTERM)
        return step.wait(60)
