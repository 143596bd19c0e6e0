"""Metrics, alarms and logs: what the line reports."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_log = logging.getLogger(__name__)
ALARMS = ("beam", "bundle", "camera", "disk", "pusher", "service")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Metrics:
    """What Prometheus reads; one object and one registry for each line."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"brume_edge_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"brume_edge_{name}", text, labels, registry=self.registry)

        self.parts = counter("parts", "Breaks of the beam that were parts")
        self.decisions = counter("decisions", "Decisions, by result and source", "decision", "source")
        self.late = counter("late_decisions", "Parts without any answer at their deadline")
        self.pushes = counter("pushes", "Planned pushes, by result", "result")
        self.deliveries = counter("deliveries", "Calls of the service, by result", "result")
        self.disagreements = counter("disagreements", "Parts that service and bundle differ on")
        self.unrecorded = counter("unrecorded", "Things that could not be stored", "what")
        self.kept_total = counter("pictures_kept", "Pictures kept for training")
        self.seconds = Histogram(
            "brume_edge_decision_seconds",
            "From the beam's break to the decision",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5),
            registry=self.registry,
        )
        self.queue = gauge("queue_parts", "Pictures that wait for delivery")
        self.queue_bytes = gauge("queue_bytes", "Their size")
        self.kept = gauge("kept_pictures", "Pictures in the folder for training")
        self.kept_bytes = gauge("kept_bytes", "Their size")
        self.free_bytes = gauge("disk_free_bytes", "Free space where the queue lies")
        self.bounces = gauge("beam_bounces", "Breaks of the beam since the start that were bounces")
        self.breaker = gauge("breaker_open", "1 while parts do not call the service")
        self.alarm = gauge("alarm", "1 while something needs a person", "kind")
        for kind in ALARMS:
            self.alarm.labels(kind).set(0)


class Alarms:
    """What needs a person, by kind; changes are logged, measured and passed to `listeners`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = threading.Lock()
        self._raised: dict[str, str] = {}
        self.listeners: list[Callable[[str, str], None]] = []

    def set(self, kind: str, message: str) -> None:
        """Raise an alarm, or clear it with an empty message; the same again is silent."""
        with self._lock:
            before = self._raised.get(kind, "")
            if bool(before) == bool(message):
                return
            self._raised[kind] = message
            self._metrics.alarm.labels(kind).set(bool(message))
        if message:
            _log.error("alarm", extra={"kind": kind, "cause": message})
        else:
            _log.warning("alarm is over", extra={"kind": kind})
        for listener in self.listeners:
            listener(kind, message)

    def raised(self) -> dict[str, str]:
        """Return the active alarms: kind -> message."""
        with self._lock:
            return {kind: message for kind, message in self._raised.items() if message}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and what came as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "module": record.name.rpartition(".")[2],
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_stderr(level: str) -> None:
    """Log as JSON lines; libraries log warnings only: lower levels show headers and keys."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("brume_edge").setLevel(level.upper())
