"""What one engine takes on of its clients' requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Requests that run at once and that wait, streams that are open, and seconds for each part.

    A body has to come at `body_rate` bytes a second, after the first `body_grace` seconds; `bodies` is how
    many bytes all those may have whose senders have not been verified yet.
    """

    workers: int = 8
    queue: int = 24
    streams: int = 64
    seconds: float = 60.0
    body_seconds: float = 60.0
    body_grace: float = 5.0
    body_rate: float = 16 << 10
    bodies: int = 256 << 20
