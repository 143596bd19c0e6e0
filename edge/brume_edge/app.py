"""The application: its parts are put together, watched, and stopped in order."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from typing import Any

from prometheus_client import start_http_server

from brume_edge import systemd
from brume_edge.breaker import Breaker
from brume_edge.bundle import Bundle
from brume_edge.cameras import open_camera
from brume_edge.drainer import Drainer
from brume_edge.kept_pictures import KeptPictures
from brume_edge.line import Line
from brume_edge.mqtt import Mqtt
from brume_edge.pins import Beam, Pusher
from brume_edge.service import Service
from brume_edge.settings import Config, given
from brume_edge.store import Store
from brume_edge.telemetry import Alarms, Metrics
from brume_edge.watch import WatchedCamera

_log = logging.getLogger(__name__)
_MB = 1_000_000
_ALARM_STAYS = 10.0  # seconds after the last failure of the disk


class App:
    """One line. It runs from `start` to `stop`; `metrics` and `alarms` may be read at any time."""

    def __init__(self, config: Config) -> None:
        """Open everything, the beam last.

        Raises BundleError, StoreError, OSError or gpiozero's errors for what it cannot do without. A
        camera or a service that is not there is an alarm only.
        """
        self.config = config
        self.metrics = Metrics()
        self.alarms = Alarms(self.metrics)
        self._stopping = threading.Event()
        self._forgot_at = 0.0
        bundle = Bundle(config.bundle.folder, config.bundle.threads) if given(config.bundle.folder) else None
        if bundle is None:
            self.alarms.set("bundle", "no bundle is configured: without the service the policy decides")
        elif (seconds := bundle.seconds()) > min(config.line.spacing_ms / 1000, config.decide_within):
            self.alarms.set("bundle", f"the model takes {seconds * 1000:.0f} ms a picture: parts come faster")
        self.kept_pictures = KeptPictures(
            config.data.folder / "keep",
            budget=int(config.keep.budget_mb * _MB),
            below=config.keep.below_confidence,
            address=config.keep.address,
            changed=self._kept_changed,
        )
        self.store = Store(config.data.folder, int(config.data.queue_mb * _MB), self.kept_pictures.release)
        if self.store.damaged is not None:
            self.alarms.set("disk", f"the queue was damaged and is set aside as {self.store.damaged}")
        missed, unknown = self.store.recover().result()
        if missed or unknown:
            _log.warning("recovered after a sudden end", extra={"missed": missed, "pushes_unknown": unknown})
        self.service = Service(config.service)
        self.breaker = Breaker(config.service.breaker_failures, self._breaker_changed)
        self.camera = WatchedCamera(
            lambda: open_camera(config.camera),
            timeout=config.camera.timeout_ms / 1000,
            retry=config.camera.retry_s,
            alarm=lambda message: self.alarms.set("camera", message),
        )
        self._pusher = Pusher(config.pusher)
        self.line = Line(
            config,
            camera=self.camera,
            pusher=self._pusher,
            bundle=bundle,
            service=self.service,
            breaker=self.breaker,
            store=self.store,
            keep=self.kept_pictures,
            metrics=self.metrics,
            alarms=self.alarms,
        )
        self.drainer = Drainer(
            self.store,
            self.service,
            self.breaker,
            self.kept_pictures,
            self.metrics,
            busy=self.line.busy,
            quick=config.decide_within - config.camera.delay_ms / 1000,
            retry=(config.service.retry_first_s, config.service.retry_most_s),
            failed=self._service_failed,
        )
        self.line.on_left = self.drainer.wake
        self._mqtt = Mqtt(config) if config.mqtt.host else None
        if self._mqtt is not None:
            self.alarms.listeners.append(self._mqtt.alarm)
            self.line.on_settled = self._mqtt.settled
        self._exporter: Any = None
        if config.metrics.port:
            self._exporter = start_http_server(
                config.metrics.port, config.metrics.host, self.metrics.registry
            )
        self._housekeeper = threading.Thread(target=self._housekeeping, name="housekeeping", daemon=True)
        self._beam: Beam | None = None

    def start(self) -> None:
        """Begin to take parts; returns at once."""
        self.camera.ready(self.config.camera.timeout_ms / 1000)
        self.drainer.start()
        self._beam = Beam(self.config.beam, self.line.part)
        self._housekeeper.start()
        systemd.notify("READY=1")
        _log.info("the line is watched", extra={"line": self.config.line.name})

    def _kept_changed(self, count: int, size: int) -> None:
        self.metrics.kept.set(count)
        self.metrics.kept_bytes.set(size)

    def _service_failed(self, cause: str) -> None:
        self.line.last_failure = cause

    def _breaker_changed(self, opened: bool) -> None:
        self.metrics.breaker.set(opened)
        self.alarms.set("service", self.line.last_failure or "not answering in time" if opened else "")

    def _housekeeping(self) -> None:
        while not self._stopping.wait(1.0):
            try:
                self.check_resources()
            except Exception:
                _log.exception("housekeeping failed")
            if self.alive():
                systemd.notify("WATCHDOG=1")

    def check_resources(self) -> None:
        """Check beam, disk and queue once; done every second."""
        self.metrics.queue.set(self.store.queued)
        self.metrics.queue_bytes.set(self.store.queued_bytes)
        if self._beam is not None:
            self.metrics.bounces.set(self._beam.bounces)
            blocked = self._beam.blocked_for()
            limit = self.config.beam.blocked_alarm_s
            self.alarms.set(
                "beam", f"broken for {limit:g} s: a jam, or it is out of line" if blocked > limit else ""
            )
        reserve = int(self.config.data.reserve_mb * _MB)
        free = shutil.disk_usage(self.config.data.folder).free
        if free < reserve and self.kept_pictures.release(reserve - free):
            free = shutil.disk_usage(self.config.data.folder).free
        self.metrics.free_bytes.set(free)
        self.store.accepting = free >= reserve
        if not self.store.accepting:
            self.alarms.set(
                "disk", f"{free // _MB} MB are free, {reserve // _MB} are to be: pictures are not queued"
            )
        elif time.monotonic() - self.line.disk_failed_at > _ALARM_STAYS and self.store.damaged is None:
            self.alarms.set("disk", "")
        if time.monotonic() - self._forgot_at > 60:
            self._forgot_at = time.monotonic()
            self.store.forget(time.time() - self.config.data.remember_days * 86_400)

    def alive(self) -> bool:
        """Return whether every thread that the line cannot do without runs."""
        return self.line.alive() and self._pusher.alive() and self.store.alive() and self.drainer.alive()

    def stop(self) -> None:
        """Take no more parts, finish those on the line, and leave the rest in the queue."""
        systemd.notify("STOPPING=1")
        if self._beam is not None:
            self._beam.close()
        self._stopping.set()
        if self._housekeeper.is_alive():
            self._housekeeper.join()
        self.line.stop()
        self._pusher.close()
        if self.drainer.alive():
            self.drainer.stop()
        self.camera.close()
        self.service.close()
        self.store.close()
        if self._mqtt is not None:
            self._mqtt.close()
        if self._exporter is not None:
            server, thread = self._exporter
            server.shutdown()
            server.server_close()
            thread.join()
        _log.info("stopped")
