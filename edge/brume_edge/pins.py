"""The two pins: a debounced break beam, and a pusher that acts once for each rejected part."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

from brume_edge import settings
from brume_edge.scheduler import Scheduler

_SAME_MOMENT = 0.001  # seconds between readings of two clocks that count as none
_READINGS = 10
_OLDEST_EDGE = 5.0  # seconds; an edge that seems to be farther off was stamped by another clock


def gpiozero() -> Any:
    """Return gpiozero, which has no types of its own."""
    return importlib.import_module("gpiozero")


class Debouncer:
    """Distinguishes parts from bounces.

    A break counts as a part when the beam had been clear, without interruption, for the whole debounce
    time before it. So the first edge counts at once, without waiting, and the chatter of a contact, a hole
    in a part or its ragged end do not count.
    """

    def __init__(self, seconds: float, broken: bool) -> None:
        self._seconds = seconds
        self._broken = broken
        self._clear_since = -float("inf")
        self.bounces = 0

    def edge(self, broken: bool, at: float) -> bool:
        """Take the beam's new state at a time in seconds; return whether a part begins here."""
        if broken == self._broken:
            return False
        self._broken = broken
        if not broken:
            self._clear_since = at
            return False
        if at - self._clear_since >= self._seconds:
            return True
        self.bounces += 1
        return False


class Beam:
    """The break beam's receiver; calls `on_part` with the monotonic time of each new part.

    Bounces are sorted out here and not by the pin's driver: drivers differ (some ignore what follows an
    edge, some delay the edge itself). Edges are timed by the kernel, where the driver has its time, not when
    this process receives them: a busy moment neither merges two parts nor moves a push.
    """

    def __init__(self, config: settings.Beam, on_part: Callable[[float], None]) -> None:
        low = config.broken == "low"
        self._on_part = on_part
        self._level = 0 if low else 1
        self._lock = threading.Lock()
        self._device: Any = gpiozero().InputDevice(config.pin, pull_up=low)
        self._changed_at = time.monotonic()
        self._debouncer = Debouncer(config.debounce_ms / 1000, self._device.is_active)
        self._device.pin.edges = "both"
        self._device.pin.when_changed = self._changed

    def _changed(self, ticks: float, state: int) -> None:
        at = self._time_of(ticks)
        with self._lock:
            self._changed_at = at
            part = self._debouncer.edge(state == self._level, at)
        if part:
            self._on_part(at)

    def _time_of(self, ticks: float) -> float:
        """Return the monotonic time of an edge from the driver's time of it."""
        factory = self._device.pin_factory
        for _ in range(_READINGS):  # both clocks at one moment: a thread may lose the processor in between
            now = time.monotonic()
            age = factory.ticks_diff(factory.ticks(), ticks)
            if time.monotonic() - now < _SAME_MOMENT:
                break
        # Before Linux 5.7 the kernel stamps by another clock.
        return now - age if abs(age) < _OLDEST_EDGE else now

    @property
    def bounces(self) -> int:
        """How many breaks were not parts."""
        return self._debouncer.bounces

    def blocked_for(self) -> float:
        """Return for how many seconds the beam has been broken without a pause; 0 when it is clear."""
        return time.monotonic() - self._changed_at if self._device.is_active else 0.0

    def close(self) -> None:
        """Stop watching and release the pin."""
        self._device.close()


class Pusher:
    """The pusher on its pin: `push` plans one pulse at the time when a part is in front of it.

    Results, reported once for each planned push: "done" (the pulse began while the part was there), "late"
    (it could not begin in time and was left out, so that no other part is hit), "astray" (the pin was
    switched so slowly that the pulse may have begun too late) and "failed" (the pin refused).
    """

    def __init__(self, config: settings.Pusher) -> None:
        self._device: Any = gpiozero().DigitalOutputDevice(config.pin, active_high=config.on == "high")
        self._pulse = config.pulse_ms / 1000
        self._tolerance = config.tolerance_ms / 1000
        self._scheduler = Scheduler("pusher")
        self._lock = threading.Lock()
        self._off_at = 0.0

    def push(self, due: float, on_result: Callable[[str], None]) -> None:
        """Plan a pulse at monotonic time `due`; `on_result` gets its result on another thread."""
        self._scheduler.at(due, lambda: on_result(self._start(due)))

    def _start(self, due: float) -> str:
        if time.monotonic() > due + self._tolerance:
            return "late"
        try:
            with self._lock:
                self._device.on()
                began = time.monotonic()
                self._off_at = began + self._pulse
        except Exception:  # any error of a pin's driver is an alarm, and the line goes on
            return "failed"
        self._scheduler.at(self._off_at, self._stop)
        return "done" if began <= due + self._tolerance else "astray"

    def _stop(self) -> None:
        with self._lock:
            if time.monotonic() >= self._off_at:  # else a second push has begun, and its own end follows
                self._device.off()

    def alive(self) -> bool:
        """Return whether the pusher's thread runs."""
        return self._scheduler.alive()

    def close(self) -> None:
        """Leave out what is still planned, pull the pusher back and release the pin."""
        self._scheduler.close()
        self._device.off()
        self._device.close()
