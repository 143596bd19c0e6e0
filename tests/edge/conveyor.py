"""A simulated conveyor on mock pins: which part is where, and when.

Parts are numbered from 1, as the application numbers them. A part's picture is dark, or bright if it is
faulty, and carries the part's number in a comment, so that the one who gets it knows what it shows.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from brume_edge.cameras import CameraError
from gpiozero.pins.mock import MockFactory, MockPin
from PIL import Image

BEAM, PUSHER = 17, 27


class NotingPin(MockPin):
    """A mock pin that records the time of each change; `stamp` sets the time of the next."""

    stamp: float | None = None

    def _change_state(self, value: bool) -> bool:
        changed = super()._change_state(value)
        if changed:
            self.__dict__.setdefault("noted", []).append((time.monotonic(), bool(value)))
            if self.stamp is not None:
                self._last_change = self.stamp
        return bool(changed)


def mock_pins() -> MockFactory:
    """Return a factory of pins that note their changes."""
    return MockFactory(pin_class=NotingPin)


def faulty(number: int) -> bool:
    """Return whether a part is faulty: about one in five, in no regular pattern."""
    return (number * 2654435761) % 2**32 < 0.2 * 2**32


def picture(number: int, *, bright: bool | None = None, side: int = 64) -> bytes:
    """Return the JPEG of a part."""
    light = 220 if (faulty(number) if bright is None else bright) else 30
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (light, light, light)).save(buffer, "JPEG", comment=str(number).encode())
    return buffer.getvalue()


def shown(data: bytes) -> int:
    """Return the number of the part that a picture shows."""
    with Image.open(io.BytesIO(data)) as image:
        return int(image.info["comment"])


@dataclass
class Conveyor:
    """The belt: `run` moves parts through the beam, at least `spacing` seconds apart.

    `breaks` holds for each part the monotonic times just before and just after its break was signalled.
    """

    factory: MockFactory
    spacing: float
    delay: float  # seconds from the beam to the pusher
    bounces: int = 0  # of the beam's contact, at each break and each clearing
    dead: Callable[[int], bool] = lambda number: False  # the camera, while a part is in view
    padding: int = 0  # bytes that each picture is larger
    broke: Callable[[int], None] = lambda number: None
    breaks: dict[int, tuple[float, float]] = field(default_factory=dict)
    in_view: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, first: int, last: int) -> None:
        """Move the parts from `first` to `last` through the beam."""
        beam = self.factory.pin(BEAM)
        due = time.monotonic()
        for number in range(first, last + 1):
            if self.stopped.wait(max(0.0, due - time.monotonic())):
                return
            self.in_view = number
            before = time.monotonic()
            beam.drive_low()
            self.breaks[number] = before, time.monotonic()
            self.broke(number)
            due = time.monotonic() + self.spacing  # a late part does not draw the next one nearer
            self._bounce(beam, beam.drive_high, beam.drive_low)
            self.stopped.wait(self.spacing / 4)
            beam.drive_high()
            cleared = self._bounce(beam, beam.drive_low, beam.drive_high)
            due = max(due, cleared + self.spacing / 2)

    def _bounce(self, beam: NotingPin, *swings: Callable[[], None]) -> float:
        """Let the contact bounce, 0.3 ms a swing however busy this machine is; return the last one's time."""
        beam.stamp = beam._last_change
        for _ in range(self.bounces):
            for swing in swings:
                beam.stamp += 0.0003
                swing()
        last, beam.stamp = beam.stamp, None
        return last

    def pushes(self) -> list[float]:
        """Return the monotonic times at which the pusher came out."""
        noted = vars(self.factory.pin(PUSHER)).get("noted", [])
        return [when for when, on in noted if on]

    def before_pusher(self, when: float) -> list[int]:
        """Return the parts that may be in front of the pusher at a time: each is for one spacing."""
        half = self.spacing / 2
        return [
            number
            for number, (before, after) in self.breaks.items()
            if before + self.delay - half <= when <= after + self.delay + half
        ]


class BeltCamera:
    """A camera that sees what is in view on a conveyor."""

    def __init__(self, conveyor: Conveyor) -> None:
        self._conveyor = conveyor
        if conveyor.dead(conveyor.in_view):
            raise CameraError("unplugged")

    def capture(self) -> bytes:
        number = self._conveyor.in_view
        if self._conveyor.dead(number):
            raise CameraError("unplugged")
        return picture(number) + b"\0" * self._conveyor.padding

    def close(self) -> None:
        pass


CONFIG = """
[line]
spacing_ms = {spacing}
undecided = "{undecided}"
[beam]
pin = 17
debounce_ms = {debounce}
[pusher]
pin = 27
delay_ms = {delay}
pulse_ms = {pulse}
tolerance_ms = {tolerance}
[camera]
kind = "folder"
folder = "{folder}"
view_ms = {spacing}
retry_s = 0.1
timeout_ms = {camera_timeout}
[service]
endpoint = "{endpoint}"
project = "bricks"
model_version = "1"
timeout_s = {timeout}
breaker_failures = 3
retry_first_s = 0.05
retry_most_s = 0.3
[bundle]
folder = "{bundle}"
[data]
folder = "{folder}/data"
reserve_mb = {reserve}
queue_mb = {queue}
[keep]
below_confidence = {below}
budget_mb = {budget}
[metrics]
port = {port}
{more}
"""


def write_config(folder: Path, endpoint: str, bundle: Path | str, **changes: object) -> Path:
    """Write a configuration for the conveyor into `folder`; return its path."""
    values: dict[str, object] = {
        "spacing": 40,
        "undecided": "reject",
        "debounce": 3,
        "delay": 260,
        "pulse": 8,
        "tolerance": 15,
        "camera_timeout": 500,
        "timeout": 2,
        "reserve": 0,
        "queue": 100,
        "below": 0.8,
        "budget": 10,
        "port": 0,
        "more": "",
    }
    path = folder / "line.toml"
    path.write_text(CONFIG.format(folder=folder, endpoint=endpoint, bundle=bundle, **(values | changes)))
    return path
