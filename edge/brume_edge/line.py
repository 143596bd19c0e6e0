"""The line: from the beam's break to the push, with a durable record before each decision.

The stages of a part: beam -> record -> picture -> queue -> bundle and service at the same time -> one
decision -> push when it is in front of the pusher. None waits for the network or the disk beyond its time:
at the deadline the bundle's answer counts, and without one the policy.
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
from brume_edge.kept_pictures import KeptPictures
from brume_edge.part import Decision, Part
from brume_edge.pins import Pusher
from brume_edge.scheduler import Scheduler
from brume_edge.service import RefusedError, Service, UnavailableError
from brume_edge.settings import Config
from brume_edge.store import PartRecord, QueuedPicture, Store
from brume_edge.telemetry import Alarms, Metrics
from brume_edge.watch import WatchedCamera

_log = logging.getLogger(__name__)


class Line:
    """The parts between beam and pusher.

    `on_settled` is called with each decision, `on_left` after each part that the line has finished with.
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
        keep: KeptPictures,
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
        self._unfinished: dict[int, set[str]] = {}  # what is still to happen for each part
        self._deadlines = Scheduler("deadlines")
        self._captures: SimpleQueue[Part | None] = SimpleQueue()
        self._slots = threading.Semaphore(config.service.connections)
        self._service_calls = ThreadPoolExecutor(config.service.connections, "service")
        self._bundle_runs = ThreadPoolExecutor(1, "bundle")
        self._capturer = threading.Thread(target=self._take_pictures, name="pictures", daemon=True)
        self._capturer.start()

    def busy(self) -> set[int]:
        """Return the numbers of the parts that the line has not finished with."""
        with self._lock:
            return set(self._unfinished)

    def part(self, broke_at: float) -> None:
        """Take a part whose beam broke at a monotonic time; returns at once."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            self._unfinished[number] = {"decision", "picture", "bundle"}
        reject = self._config.line.undecided == "reject"
        part = Part(number, uuid.uuid4().hex, broke_at, reject, self._settled)
        self._metrics.parts.inc()
        self._store.begin(_record(part)).add_done_callback(self._check("part"))
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
            # A picture that is taken later may show the next part.
            picture = self._camera.capture(due + self._config.view)
        except CameraError as error:
            self._without_picture(part, str(error))
            return
        stored = self._store.add_picture(_record(part), picture)
        stored.add_done_callback(self._check("picture"))
        # Decided after it is stored; a disk that takes half of the time left is not awaited any longer.
        request = _Once(lambda: self._request_answers(part, picture))
        stored.add_done_callback(lambda _: request())
        self._deadlines.at((time.monotonic() + part.broke_at + self._config.decide_within) / 2, request)

    def _without_picture(self, part: Part, why: str) -> None:
        part.unanswered("bundle", "no picture")
        part.unanswered("service", why)
        self._finished(part, "picture", "bundle")

    def _request_answers(self, part: Part, picture: bytes) -> None:
        if self._bundle is None:
            part.unanswered("bundle", "none on this device")
            self._finished(part, "bundle")
        else:
            self._bundle_runs.submit(self._guarded, part, picture, "bundle", self._run_bundle)
        if self._breaker.open:
            part.unanswered("service", "away")
        elif not self._slots.acquire(blocking=False):
            part.unanswered("service", "busy with earlier parts")
        else:
            self._begin(part, "call")
            self._service_calls.submit(self._guarded, part, picture, "call", self._call_service)
        self._finished(part, "picture")

    def _guarded(self, part: Part, picture: bytes, what: str, action: Callable[[Part, bytes], None]) -> None:
        try:
            action(part, picture)
            if part.complete():
                self._deliver(part, picture)
        except Exception:
            _log.exception("an error of the application", extra={"part": part.number})
            part.unanswered("bundle" if what == "bundle" else "service", "an error of the application")
        finally:
            self._finished(part, what)

    def _run_bundle(self, part: Part, picture: bytes) -> None:
        assert self._bundle is not None
        if time.monotonic() > part.broke_at + self._config.decide_within:
            part.unanswered("bundle", "behind")  # decided already; the parts that follow need the time
            return
        try:
            answer = self._bundle.detect(picture)
        except PictureError as error:
            self._alarms.set("camera", f"a picture cannot be read: {error}")
            part.unanswered("bundle", "the picture cannot be read")
            return
        part.bundle_answered(answer)
        if part.decision is not None and part.decision.source != "bundle":
            self._store.note_local(part.number, answer)

    def _call_service(self, part: Part, picture: bytes) -> None:
        try:
            answer = self._service.detect(picture, part.token)
        except RefusedError as error:
            self._breaker.succeeded()
            self._metrics.deliveries.labels("refused").inc()
            part.unanswered("service", "refused")
            self._await_record(part, self._store.refuse(part.number, str(error)))
            return
        except UnavailableError as error:
            self.last_failure = str(error)
            self._metrics.deliveries.labels("failed").inc()
            if not part.timed_out:
                self._breaker.failed()
            part.unanswered("service", "no answer")
            self._store.note_try(part.number)
            return
        finally:
            self._slots.release()
        if part.service_answered(answer):
            self._breaker.succeeded()
        self._metrics.deliveries.labels("at once").inc()

    def _deliver(self, part: Part, picture: bytes) -> None:
        """Record the service's answer, once the bundle's is known as well, and drop the picture."""
        decision, answer = part.decision, part.remote
        assert decision is not None and answer is not None
        if part.local is not None and part.local.anomalous != answer.anomalous:
            self._metrics.disagreements.inc()
        noted, word = _record(part), "reject" if decision.reject else "pass"
        queued = QueuedPicture(
            noted.number, noted.token, noted.broke_at, picture, word, decision.confidence, part.local
        )
        if self._keep.consider(queued, answer):
            self._metrics.kept_total.inc()
        recorded = self._store.deliver(part.number, answer)
        recorded.add_done_callback(self._check("answer"))
        self._await_record(part, recorded)

    def _expire(self, part: Part) -> None:
        if part.expire():
            self.last_failure = "no answer in time"
            self._breaker.failed()

    def _settled(self, part: Part, decision: Decision) -> None:
        word = "reject" if decision.reject else "pass"
        self._metrics.decisions.labels(word, decision.source).inc()
        self._metrics.late.inc(decision.late)
        self._metrics.seconds.observe(time.monotonic() - part.broke_at)
        recorded = self._store.decide(_record(part), decision, part.local)
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
        self._finished(part, "decision")
        self.on_settled(part, decision)

    def _pushed(self, part: Part, result: str) -> None:
        self._metrics.pushes.labels(result).inc()
        self._store.note_push(part.number, result).add_done_callback(self._check("push"))
        if result != "done":
            _log.error("a push went wrong", extra={"part": part.number, "result": result})
        self._alarms.set("pusher", "" if result == "done" else f"part {part.number}: push {result}")
        self._finished(part, "push")

    def _check(self, what: str) -> Callable[[Future[Any]], None]:
        def done(future: Future[Any]) -> None:
            if (error := future.exception()) is not None:
                self.disk_failed_at = time.monotonic()
                self._metrics.unrecorded.labels(what).inc()
                self._alarms.set("disk", str(error))

        return done

    def _begin(self, part: Part, what: str) -> None:
        with self._lock:
            self._unfinished[part.number].add(what)

    def _await_record(self, part: Part, recorded: Future[Any]) -> None:
        """Hold a part until the service's answer is recorded: before, the drainer would send it again."""
        self._begin(part, "answer")
        recorded.add_done_callback(lambda _: self._finished(part, "answer"))

    def _finished(self, part: Part, *what: str) -> None:
        with self._lock:
            if (left := self._unfinished.get(part.number)) is None:
                return
            left.difference_update(what)
            if left:
                return
            del self._unfinished[part.number]
            self._lock.notify_all()
        self.on_left()

    def alive(self) -> bool:
        """Return whether the threads that every part needs run."""
        return self._capturer.is_alive() and self._deadlines.alive()

    def stop(self) -> None:
        """Decide and push what is on the line (no part may come any more), and end the threads."""
        with self._lock:
            patience = self._config.pusher.delay_ms / 1000 + self._config.service.timeout_s + 5
            self._lock.wait_for(lambda: not self._unfinished, patience)
        self._captures.put(None)
        self._capturer.join()
        self._service_calls.shutdown()
        self._bundle_runs.shutdown()
        self._deadlines.close()


class _Once:
    """An action that happens at its first call alone."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._free = threading.Lock()

    def __call__(self) -> None:
        if self._free.acquire(blocking=False):
            self._action()


def _record(part: Part) -> PartRecord:
    wall = time.time() - (time.monotonic() - part.broke_at)
    return PartRecord(part.number, part.token, wall)
