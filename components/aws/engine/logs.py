"""The log of an engine: one line of JSON for each event, on standard output.

A line holds what the engine knows of its own work: names of operations, kinds of work, identifiers that it
made. Of a failure it holds the type, where it arose, and an identifier; its message may quote what a user
sent, so it is left out.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

ROOT = "brume"
REQUESTS = "brume.engine"  # whose messages may be lines of JSON already
_FRAMES = 8


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without line break."""
        message = record.getMessage()
        if record.name == REQUESTS and message.startswith("{"):
            return message
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message,
        }
        if record.exc_info and record.exc_info[1] is not None:
            line |= describe(record.exc_info[1])
        return json.dumps(line)


def describe(error: BaseException) -> dict[str, Any]:
    """Return the type of an error and the places that it came through, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "failure": type(error).__name__,
        "at": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


def failed(logger: logging.Logger, what: str, error: BaseException) -> str:
    """Log a failure of `what` and return its identifier, by which a message can refer to the line."""
    identity = uuid.uuid4().hex[:12]
    logger.error("%s failed (failure %s)", what, identity, exc_info=error)
    return identity


def configure(stream: TextIO | None = None) -> None:
    """Send what every logger of this project writes, from INFO on, to `stream` (standard output)."""
    root = logging.getLogger(ROOT)
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False
