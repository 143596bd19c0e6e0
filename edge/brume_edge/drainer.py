"""Deliver queued pictures, the oldest first; each attempt probes for the breaker."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection

from brume_edge.breaker import Breaker
from brume_edge.kept_pictures import KeptPictures
from brume_edge.service import RefusedError, Service, UnavailableError
from brume_edge.store import QueuedPicture, Store
from brume_edge.telemetry import Metrics

_log = logging.getLogger(__name__)


class Drainer:
    """A thread that sends queued pictures, one at a time, and backs off while that fails.

    It calls whether the breaker is open or not. An answer within `quick` seconds, that is, one that would
    have been in time for a part on the line, closes the breaker; a slower one is recorded all the same.
    `busy` gives the numbers of the parts that are still on the line; they are left to it.
    """

    def __init__(
        self,
        store: Store,
        service: Service,
        breaker: Breaker,
        keep: KeptPictures,
        metrics: Metrics,
        *,
        busy: Callable[[], Collection[int]],
        quick: float,
        retry: tuple[float, float],
        failed: Callable[[str], None] = lambda cause: None,
    ) -> None:
        self._store, self._service, self._breaker, self._keep = store, service, breaker, keep
        self._metrics = metrics
        self._busy = busy
        self._quick = quick
        self._first, self._most = retry
        self._failed = failed
        self._stopped = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drainer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look at the queue now: a part has left the line."""
        self._news.set()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopped.is_set():
            try:
                queued = self._store.oldest(self._busy())
                if queued is None:
                    self._news.wait(1.0)
                    self._news.clear()
                    continue
                self._send(queued)
                pause = 0.0
            except Exception as error:
                pause = min(self._most, max(self._first, 2 * pause))
                if not isinstance(error, UnavailableError):
                    _log.exception("the drainer failed")
                asked = getattr(error, "retry_after", 0.0)
                # Spread, so that many devices do not come back to a service all at once.
                self._stopped.wait(max(asked, pause * random.uniform(0.5, 1)))  # noqa: S311

    def _send(self, queued: QueuedPicture) -> None:
        began = time.monotonic()
        try:
            answer = self._service.detect(queued.picture, queued.token)
        except RefusedError as error:
            self._breaker.succeeded(probe=True)
            self._metrics.deliveries.labels("refused").inc()
            _log.error("the service refuses a picture", extra={"part": queued.number, "cause": str(error)})
            self._store.refuse(queued.number, str(error)).result()
            return
        except UnavailableError as error:
            self._metrics.deliveries.labels("failed").inc()
            self._failed(str(error))
            self._breaker.failed()
            self._store.note_try(queued.number)
            raise
        if time.monotonic() - began <= self._quick:
            self._breaker.succeeded(probe=True)
        self._metrics.deliveries.labels("drained").inc()
        if queued.local is not None and queued.local.anomalous != answer.anomalous:
            self._metrics.disagreements.inc()
        if self._keep.consider(queued, answer):
            self._metrics.kept_total.inc()
        self._store.deliver(queued.number, answer).result()

    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End after the call that is under way; what is left stays queued."""
        self._stopped.set()
        self._news.set()
        self._thread.join()
