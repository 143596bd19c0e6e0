"""Where heavy work runs: on this machine, or on the Kubernetes cluster of this pod."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from brume import variables
from brume.cluster.settings import ClusterSettings


def in_cluster() -> bool:
    """Return whether jobs go to Kubernetes: `ClusterSettings.compute`, else whether we are in a pod.

    Raises `VariableError` for another value than local and cluster.
    """
    choice = variables.read(ClusterSettings).compute
    return choice == "cluster" or (not choice and "KUBERNETES_SERVICE_HOST" in os.environ)


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Turn SIGTERM into `SystemExit(143)` inside the block, so that `finally` clauses run on a cancel.

    Python's default is to end at once, which would leave pods behind. Only the main thread can set signal
    handlers; in another thread the block runs unchanged.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second signal must not cut the clean-up short
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
