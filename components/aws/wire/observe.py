"""An engine's logs and metrics: a line of JSON for each request, and Prometheus metrics.

Neither ever holds a body, a key, a header or a parameter: request id, operation, status and time are all.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

logger = logging.getLogger("brume.engine")
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60)


class Observer:
    """Counts and logs the requests of one server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("service", "operation")
        self._requests = Counter(
            "brume_requests", "Requests answered.", (*labels, "status"), registry=registry
        )
        self._seconds = Histogram(
            "brume_request_seconds",
            "Time to answer, waiting included.",
            labels,
            registry=registry,
            buckets=_SECONDS,
        )
        self.in_flight = Gauge(
            "brume_requests_in_flight", "Requests that run or wait to run.", registry=registry
        )

        self.streams = Gauge("brume_streams_open", "Streams and WebSockets that are open.", registry=registry)

    def answered(
        self, request_id: str, service: str, operation: str, status: int, seconds: float, code: str
    ) -> None:
        """Record one answer; `code` is that of the error, or empty."""
        self._requests.labels(service, operation, str(status)).inc()
        self._seconds.labels(service, operation).observe(seconds)
        line: dict[str, object] = {"service": service, "operation": operation, "status": status}
        line["ms"] = round(seconds * 1000, 1)
        log("info", request_id, line | ({"error": code} if code else {}))

    def failed(self, request_id: str, error: BaseException) -> None:
        """Log a fault's type and where it arose; never its message, which may hold request data."""
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        at = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        log("error", request_id, {"failure": type(error).__name__, "at": at})


def log(level: str, request_id: str, fields: Mapping[str, object]) -> None:
    """Write one line of JSON to the log "brume.engine"; `level` is info or error."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "request": request_id,
    }
    logger.log(logging.ERROR if level == "error" else logging.INFO, json.dumps(line | dict(fields)))
