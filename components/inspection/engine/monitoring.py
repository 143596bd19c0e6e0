"""Monitoring of detections: counts, anomalies, and drift of the pictures.

Each detection is on the disk before it is answered; those that arrive together share a transaction.

Drift is measured by each statistic of the bundle (brightness, score ...): when the mean over the last 50
detections is more than two of the training's standard deviations away from the training's mean, an alarm is
raised, and it stays until the mean comes back. A single odd picture cannot do that; a dirty lens or a changed
lamp does within 50 pictures. A deviation counts as at least 2 % of the mean: training pictures from one
sitting hardly vary, and a change that small means nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import Connection, Table, insert, select, update

from brume.aws.engine.store import Store
from brume.inspection.engine.tables import detections, drift_sums, models

WINDOW = 50  # detections
LIMIT = 2.0  # standard deviations of the training's normal pictures
_LEAST = 0.02  # standard deviation, as a share of the mean
_LABELS = ("account", "project", "version")


@dataclass(frozen=True)
class DetectionRecord:
    """One detection, and the model (project's id, version) that made it."""

    project: str
    version: int
    labels: tuple[str, str, str]  # account, project's name, version: for the metrics
    anomalous: bool
    drift: Mapping[str, float]
    training: Mapping[str, tuple[float, float]]  # mean and standard deviation of each statistic


class Monitor:
    """Counts detections in the database and in the metrics."""

    def __init__(self, store: Store, registry: CollectorRegistry) -> None:
        self._store = store
        self._waiting: queue.SimpleQueue[tuple[DetectionRecord, Future[None]] | None] = queue.SimpleQueue()
        self._windows: dict[tuple[str, int, str], deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))
        self._alarmed: set[tuple[str, int, str]] = set()
        name = "brume_inspection_"
        self._processed = Counter(name + "detections", "Images processed", _LABELS, registry=registry)
        self._anomalous = Counter(
            name + "anomalies", "Images detected as anomalous", _LABELS, registry=registry
        )
        statistic = (*_LABELS, "statistic")
        self._alarms = Counter(name + "drift_alarms", "Drift alarms raised", statistic, registry=registry)
        self._distance = Gauge(
            name + "drift_deviations",
            f"Mean of the last {WINDOW} detections, in standard deviations from the training's mean",
            statistic,
            registry=registry,
        )
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)
        self._thread.start()

    def count(self, record: DetectionRecord) -> None:
        """Count a detection; returns once that is on the disk."""
        done: Future[None] = Future()
        self._waiting.put((record, done))
        done.result()

    def close(self) -> None:
        """Write what waits, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, last = [first], False
            while not self._waiting.empty():
                item = self._waiting.get()
                if item is None:
                    last = True
                    break
                batch.append(item)
            self._write(batch)
            if last:
                return

    def _write(self, batch: Sequence[tuple[DetectionRecord, Future[None]]]) -> None:
        try:
            self._save(batch)
        except Exception as error:
            for _seen, done in batch:
                done.set_exception(error)
            return
        for record, done in batch:
            self._processed.labels(*record.labels).inc()
            self._anomalous.labels(*record.labels).inc(int(record.anomalous))
            done.set_result(None)

    def _save(self, batch: Sequence[tuple[DetectionRecord, Future[None]]]) -> None:
        minute = int(time.time() // 60)
        counted: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        sums: dict[tuple[str, int, str], list[float]] = defaultdict(lambda: [0.0, 0])
        for record, _done in batch:
            count = counted[record.project, record.version]
            count[0] += 1
            count[1] += record.anomalous
            for name, value in record.drift.items():
                total = sums[record.project, record.version, name]
                total[0] += value
                total[1] += self._update_window(record, name, value)
        with self._store.write() as db:
            for (project, version), (processed, anomalous) in counted.items():
                # A model that was deleted meanwhile has nothing to count for.
                known = select(models.c.version).filter_by(project=project, version=version)
                if db.execute(known).one_or_none() is None:
                    continue
                key: dict[str, Any] = {"project": project, "version": version, "minute": minute}
                _add(db, detections, key, {"processed": processed, "anomalous": anomalous})
                for (*its, name), (total_, alarms) in sums.items():
                    if tuple(its) == (project, version):
                        amounts = {"total": total_, "alarms": alarms}
                        _add(db, drift_sums, {**key, "statistic": name}, amounts)

    def _update_window(self, record: DetectionRecord, name: str, value: float) -> bool:
        """Take a value into its window; return whether an alarm begins."""
        key = (record.project, record.version, name)
        window = self._windows[key]
        window.append(value)
        mean, spread = record.training[name]
        deviation = max(spread, _LEAST * abs(mean))
        if len(window) < WINDOW or deviation == 0:
            return False
        distance = (sum(window) / WINDOW - mean) / deviation
        self._distance.labels(*record.labels, name).set(distance)
        if abs(distance) <= LIMIT:
            self._alarmed.discard(key)
            return False
        if key in self._alarmed:
            return False
        self._alarmed.add(key)
        self._alarms.labels(*record.labels, name).inc()
        return True


def _add(db: Connection, table: Table, key: Mapping[str, Any], amounts: Mapping[str, float]) -> None:
    mine = [table.c[name] == value for name, value in key.items()]
    more = {name: table.c[name] + amount for name, amount in amounts.items()}
    if not db.execute(update(table).where(*mine).values(more)).rowcount:
        db.execute(insert(table).values(**key, **amounts))
