"""Prometheus metrics of a predictor: phases, answers, instances, and the room of its queue."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15, 60)


class Metrics:
    """The metrics of one model; its phases have the names that KServe's own servers give them."""

    def __init__(self, name: str) -> None:
        self.registry = CollectorRegistry()
        self._phases = {
            phase: Histogram(
                f"request_{phase}_seconds",
                f"Time to {phase} a request.",
                ("model_name",),
                registry=self.registry,
                buckets=_SECONDS,
            ).labels(name)
            for phase in ("preprocess", "predict", "postprocess")
        }
        self._answers = Counter(
            "brume_predictions", "Requests answered.", ("protocol", "status"), registry=self.registry
        )
        self._instances = Counter(
            "brume_prediction_instances", "Instances predicted.", registry=self.registry
        )
        self.places = Gauge(
            "brume_prediction_places",
            "Requests that are taken before one is refused.",
            registry=self.registry,
        )

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure one phase of a request: preprocess, predict or postprocess."""
        with self._phases[name].time():
            yield

    def predicted(self, instances: int) -> None:
        """Count what was predicted."""
        self._instances.inc(instances)

    def answered(self, protocol: str, status: int) -> None:
        """Count a request by its protocol and the status of its answer."""
        self._answers.labels(protocol, str(status)).inc()
