"""The line: from the beam's break to the push, with a durable note of each part before it is decided.

A part's way: beam -> note -> picture -> queue -> bundle and service at the same time -> one decision ->
push when it is in front of the pusher. Nothing on this way waits for the network or the disk beyond its
time: at the deadline the bundle's answer counts, and without one the policy.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from brume_edge.breaker import Breaker
from brume_edge.bundle import Bundle, PictureError
from brume_edge.cameras import CameraError
from brume_edge.keeping import Keep
from brume_edge.part import Decision, Part
from brume_edge.pins import Pusher
from brume_edge.service import RefusedError, Service, UnavailableError
from brume_edge.settings import Config
from brume_edge.store import Noted, Queued, Store
from brume_edge.telemetry import Alarms, Metrics
from brume_edge.timetable import Timetable
from brume_edge.watch import WatchedCamera

_log = logging.getLogger(__name__)


class Line:
    """The parts between beam and pusher.

    `on_settled` hears of each decision, `on_left` of each part that the line has done with.
    """

    def __init__(
        self,
        config: Config,
        *,
        camera: WatchedCamera,
        pusher: Pusher,
        bundle: Bundle | None,
        service: Service,
        breaker: Breaker,
        store: Store,
        keep: Keep,
        metrics: Metrics,
        alarms: Alarms,
    ) -> None:
        self._config = config
        self._camera, self._pusher, self._bundle, self._service = camera, pusher, bundle, service
        self._breaker, self._store, self._keep = breaker, store, keep
        self._metrics, self._alarms = metrics, alarms
        self.on_settled: Callable[[Part, Decision], None] = lambda part, decision: None
        self.on_left: Callable[[], None] = lambda: None
        self.last_failure = ""
        self.disk_failed_at = -float("inf")
        self._next = store.next_number
        self._lock = threading.Condition()
        self._open: dict[int, set[str]] = {}  # what is still to happen for each part
        self._deadlines = Timetable("deadlines")
        self._captures: SimpleQueue[Part | None] = SimpleQueue()
        self._slots = threading.Semaphore(config.service.connections)
        self._calls = ThreadPoolExecutor(config.service.connections, "service")
        self._judge = ThreadPoolExecutor(1, "bundle")
        self._capturer = threading.Thread(target=self._take_pictures, name="pictures", daemon=True)
        self._capturer.start()

    def busy(self) -> set[int]:
        """Return the numbers of the parts that the line is not done with."""
        with self._lock:
            return set(self._open)

    def part(self, broke_at: float) -> None:
        """Take a part whose beam broke at a monotonic time; returns at once."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._open[number] = {"decision", "picture", "bundle"}
        reject = self._config.line.undecided == "reject"
        part = Part(number, uuid.uuid4().hex, broke_at, reject, self._settled)
        self._metrics.parts.inc()
        self._store.begin(_noted(part)).add_done_callback(self._check("part"))
        self._deadlines.at(broke_at + self._config.decide_within, lambda: self._expire(part))
        self._captures.put(part)

    def _take_pictures(self) -> None:
        while (part := self._captures.get()) is not None:
            try:
                self._take_picture(part)
            except Exception:
                _log.exception("a picture went wrong", extra={"part": part.number})
                self._without_picture(part, "an error of the application")

    def _take_picture(self, part: Part) -> None:
        due = part.broke_at + self._config.camera.delay_ms / 1000
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
        try:
            # Whatever is taken later may show the next part.
            picture = self._camera.capture(due + self._config.view)
        except CameraError as error:
            self._without_picture(part, str(error))
            return
        stored = self._store.add_picture(_noted(part), picture)
        stored.add_done_callback(self._check("picture"))
        # Decided after it is stored; only a disk that takes half of the time left has nobody wait any longer.
        ask = _Once(lambda: self._ask(part, picture))
        stored.add_done_callback(lambda _: ask())
        self._deadlines.at((time.monotonic() + part.broke_at + self._config.decide_within) / 2, ask)

    def _without_picture(self, part: Part, why: str) -> None:
        part.without("bundle", "no picture")
        part.without("service", why)
        self._over(part, "picture", "bundle")

    def _ask(self, part: Part, picture: bytes) -> None:
        if self._bundle is None:
            part.without("bundle", "none on this device")
            self._over(part, "bundle")
        else:
            self._judge.submit(self._guarded, part, picture, "bundle", self._judge_here)
        if self._breaker.open:
            part.without("service", "away")
        elif not self._slots.acquire(blocking=False):
            part.without("service", "busy with earlier parts")
        else:
            self._begin(part, "call")
            self._calls.submit(self._guarded, part, picture, "call", self._call)
        self._over(part, "picture")

    def _guarded(self, part: Part, picture: bytes, what: str, action: Callable[[Part, bytes], None]) -> None:
        try:
            action(part, picture)
            if part.complete():
                self._deliver(part, picture)
        except Exception:
            _log.exception("an error of the application", extra={"part": part.number})
            part.without("bundle" if what == "bundle" else "service", "an error of the application")
        finally:
            self._over(part, what)

    def _judge_here(self, part: Part, picture: bytes) -> None:
        assert self._bundle is not None
        if time.monotonic() > part.broke_at + self._config.decide_within:
            part.without("bundle", "behind")  # decided already; the parts that follow need the time
            return
        try:
            answer = self._bundle.detect(picture)
        except PictureError as error:
            self._alarms.set("camera", f"a picture cannot be read: {error}")
            part.without("bundle", "the picture cannot be read")
            return
        part.bundle_says(answer)
        if part.decision is not None and part.decision.source != "bundle":
            self._store.note_local(part.number, answer)

    def _call(self, part: Part, picture: bytes) -> None:
        try:
            answer = self._service.detect(picture, part.token)
        except RefusedError as error:
            self._breaker.succeeded()
            self._metrics.deliveries.labels("refused").inc()
            part.without("service", "refused")
            self._until(part, self._store.refuse(part.number, str(error)))
            return
        except UnavailableError as error:
            self.last_failure = str(error)
            self._metrics.deliveries.labels("failed").inc()
            if not part.given_up:
                self._breaker.failed()
            part.without("service", "no answer")
            self._store.note_try(part.number)
            return
        finally:
            self._slots.release()
        if part.service_says(answer):
            self._breaker.succeeded()
        self._metrics.deliveries.labels("at once").inc()

    def _deliver(self, part: Part, picture: bytes) -> None:
        """Record the service's answer, now that the bundle's is known as well, and let the picture go."""
        decision, answer = part.decision, part.remote
        assert decision is not None and answer is not None
        if part.local is not None and part.local.anomalous != answer.anomalous:
            self._metrics.disagreements.inc()
        noted, word = _noted(part), "reject" if decision.reject else "pass"
        queued = Queued(
            noted.number, noted.token, noted.broke_at, picture, word, decision.confidence, part.local
        )
        if self._keep.consider(queued, answer):
            self._metrics.kept_total.inc()
        recorded = self._store.deliver(part.number, answer)
        recorded.add_done_callback(self._check("answer"))
        self._until(part, recorded)

    def _expire(self, part: Part) -> None:
        if part.expire():
            self.last_failure = "no answer in time"
            self._breaker.failed()

    def _settled(self, part: Part, decision: Decision) -> None:
        word = "reject" if decision.reject else "pass"
        self._metrics.decisions.labels(word, decision.source).inc()
        self._metrics.late.inc(decision.late)
        self._metrics.seconds.observe(time.monotonic() - part.broke_at)
        recorded = self._store.decide(_noted(part), decision, part.local)
        recorded.add_done_callback(self._check("decision"))
        if decision.reject:
            self._begin(part, "push")
            due = part.broke_at + self._config.pusher.delay_ms / 1000
            self._pusher.push(due, lambda result: self._pushed(part, result))
        _log.log(
            logging.WARNING if decision.source == "policy" else logging.DEBUG,
            "decided",
            extra={"part": part.number, "decision": word, "by": decision.source, "reason": decision.reason},
        )
        self._over(part, "decision")
        self.on_settled(part, decision)

    def _pushed(self, part: Part, result: str) -> None:
        self._metrics.pushes.labels(result).inc()
        self._store.note_push(part.number, result).add_done_callback(self._check("push"))
        if result != "done":
            _log.error("a push went wrong", extra={"part": part.number, "result": result})
        self._alarms.set("pusher", "" if result == "done" else f"part {part.number}: push {result}")
        self._over(part, "push")

    def _check(self, what: str) -> Callable[[Future[Any]], None]:
        def done(future: Future[Any]) -> None:
            if (error := future.exception()) is not None:
                self.disk_failed_at = time.monotonic()
                self._metrics.unrecorded.labels(what).inc()
                self._alarms.set("disk", str(error))

        return done

    def _begin(self, part: Part, what: str) -> None:
        with self._lock:
            self._open[part.number].add(what)

    def _until(self, part: Part, recorded: Future[Any]) -> None:
        """Keep a part until the service's word is recorded: before, the drainer would send it once more."""
        self._begin(part, "answer")
        recorded.add_done_callback(lambda _: self._over(part, "answer"))

    def _over(self, part: Part, *what: str) -> None:
        with self._lock:
            if (left := self._open.get(part.number)) is None:
                return
            left.difference_update(what)
            if left:
                return
            del self._open[part.number]
            self._lock.notify_all()
        self.on_left()

    def alive(self) -> bool:
        """Return whether the threads that every part needs run."""
        return self._capturer.is_alive() and self._deadlines.alive()

    def stop(self) -> None:
        """Decide and push what is on the line (no part may come any more), and end the threads."""
        with self._lock:
            patience = self._config.pusher.delay_ms / 1000 + self._config.service.timeout_s + 5
            self._lock.wait_for(lambda: not self._open, patience)
        self._captures.put(None)
        self._capturer.join()
        self._calls.shutdown()
        self._judge.shutdown()
        self._deadlines.close()


class _Once:
    """An action that happens at its first call alone."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._free = threading.Lock()

    def __call__(self) -> None:
        if self._free.acquire(blocking=False):
            self._action()


def _noted(part: Part) -> Noted:
    wall = time.time() - (time.monotonic() - part.broke_at)
    return Noted(part.number, part.token, wall)
