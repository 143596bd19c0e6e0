"""The configuration file: one class for each table, one field for each key.

Times are in the unit that their name ends with; pins are BCM numbers, as gpiozero takes them.
"""
# ruff: noqa: RUF009 -- `key` makes a dataclass field

from __future__ import annotations

from dataclasses import Field, dataclass, field
from pathlib import Path
from typing import Any

REQUIRED: Any = object()  # the default of a key that has none
NOWHERE = Path()  # the default of a path that is not needed
_DATA = Path("/var/lib/brume-edge")


def key(default: Any = REQUIRED, *, least: float = 0, most: float = 0, among: tuple[str, ...] = ()) -> Any:
    """Declare a key: its default, the range of a number (0, 0: any), the values a word may have."""
    metadata = {"default": default, "least": least, "most": most, "among": among}
    return field(default=None if default is REQUIRED else default, metadata=metadata)


def default_of(declared: Field[Any]) -> Any:
    """Return the default of a key declared with `key`, or REQUIRED."""
    return declared.metadata["default"]


@dataclass(frozen=True)
class Line:
    """The conveyor: how close parts follow each other, and the decision without an answer."""

    name: str = key("line-1")
    spacing_ms: float = key(least=5, most=3_600_000)
    undecided: str = key("reject", among=("pass", "reject"))
    decide_within_ms: float = key(0.0, least=0, most=3_600_000)  # 0: 20 ms before the pusher is due


@dataclass(frozen=True)
class Beam:
    """The break beam's receiver."""

    pin: int = key(least=0, most=1023)
    broken: str = key("low", among=("low", "high"))
    debounce_ms: float = key(10.0, least=0, most=60_000)
    blocked_alarm_s: float = key(30.0, least=0.01, most=86_400)


@dataclass(frozen=True)
class Pusher:
    """What takes a rejected part off: a solenoid valve or a servo driver behind one pin."""

    pin: int = key(least=0, most=1023)
    on: str = key("high", among=("low", "high"))
    delay_ms: float = key(least=10, most=3_600_000)  # from the beam's break to the start of the push
    pulse_ms: float = key(40.0, least=1, most=60_000)
    tolerance_ms: float = key(20.0, least=1, most=60_000)  # a later push might hit the next part


@dataclass(frozen=True)
class Camera:
    """Where pictures come from."""

    kind: str = key(among=("picamera2", "usb", "folder"))
    folder: Path = key(NOWHERE)  # of kind "folder": its pictures are taken in order, over and over
    device: int = key(0, least=0, most=63)
    width: int = key(1280, least=64, most=4096)
    height: int = key(960, least=64, most=4096)
    quality: int = key(90, least=1, most=100)
    delay_ms: float = key(0.0, least=0, most=3_600_000)  # from the beam's break until the part is in view
    view_ms: float = key(0.0, least=0, most=3_600_000)  # for so long it is alone in view; 0: the spacing
    timeout_ms: float = key(1000.0, least=1, most=60_000)
    retry_s: float = key(5.0, least=0.01, most=3600)


@dataclass(frozen=True)
class Service:
    """The DetectAnomalies service, and how patient to be with it."""

    endpoint: str = key()
    project: str = key()
    model_version: str = key()
    region: str = key("us-east-1")
    profile: str = key("")
    ca_file: Path = key(NOWHERE)
    allow_http: bool = key(False)
    connections: int = key(4, least=1, most=64)
    timeout_s: float = key(10.0, least=0.05, most=300)
    breaker_failures: int = key(5, least=1, most=1000)
    retry_first_s: float = key(1.0, least=0.01, most=3600)
    retry_most_s: float = key(60.0, least=0.01, most=86_400)


@dataclass(frozen=True)
class Bundle:
    """The model on the device, as the service's packaging job writes it."""

    folder: Path = key(NOWHERE)  # empty: the device cannot decide by itself
    threads: int = key(1, least=1, most=64)


@dataclass(frozen=True)
class Data:
    """The durable queue and the disk below it."""

    folder: Path = key(_DATA)
    queue_mb: float = key(2048.0, least=1, most=10_000_000)
    reserve_mb: float = key(200.0, least=0, most=10_000_000)  # the disk is full when less is free
    remember_days: float = key(7.0, least=0.01, most=36_500)


@dataclass(frozen=True)
class Keep:
    """Pictures kept for the next training."""

    budget_mb: float = key(500.0, least=0, most=10_000_000)  # 0: none are kept
    below_confidence: float = key(0.8, least=0, most=1)
    address: str = key("")  # what the manifest names them by, e.g. s3://bucket/line-1/; empty: file://


@dataclass(frozen=True)
class Metrics:
    """Where Prometheus finds the metrics."""

    host: str = key("127.0.0.1")
    port: int = key(9464, least=0, most=65535)  # 0: none


@dataclass(frozen=True)
class Mqtt:
    """Telemetry by MQTT; without a host there is none."""

    host: str = key("")
    port: int = key(8883, least=1, most=65535)
    tls: bool = key(True)
    ca_file: Path = key(NOWHERE)
    username: str = key("")
    password_file: Path = key(NOWHERE)
    topic: str = key("brume/edge")


@dataclass(frozen=True)
class Log:
    """What is logged, as lines of JSON on standard error."""

    level: str = key("info", among=("debug", "info", "warning", "error"))


@dataclass(frozen=True)
class Config:
    """The whole file."""

    line: Line
    beam: Beam
    pusher: Pusher
    camera: Camera
    service: Service
    bundle: Bundle
    data: Data
    keep: Keep
    metrics: Metrics
    mqtt: Mqtt
    log: Log

    @property
    def decide_within(self) -> float:
        """Seconds from the beam's break to the moment when the policy decides."""
        return (self.line.decide_within_ms or self.pusher.delay_ms - 20) / 1000

    @property
    def view(self) -> float:
        """Seconds after `camera.delay_ms` in which a picture shows the part that broke the beam."""
        return (self.camera.view_ms or self.line.spacing_ms) / 1000


def given(path: Path) -> bool:
    """Return whether a path was set: an empty one stands for none."""
    return path != NOWHERE
