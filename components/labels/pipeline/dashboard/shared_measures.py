"""Columns and measures that several views share."""

from __future__ import annotations

from typing import Any

from brume.labels.pipeline.dashboard.evaluate import Column, Measure

HOUR = 3600.0
PACES = ("too fast", "too slow", "idle", "usual", "not judged")
NO_ANSWERS = (
    "No worker responses were found below the source. They lie in annotations/worker-response/ beside the "
    "consolidated annotations: let the source be the folder that has both."
)


def total(name: str, title: str, column: str = "", **more: Any) -> Measure:
    """Return the sum of a column, of the measure's own name if no other is given."""
    return Measure(name, title, "sum", column or name, **more)


TIME = total("hours", "Time", "seconds", unit="hours", scale=1 / HOUR)
PER_HOUR = Measure("per_hour", "Labels an hour", "ratio", "labels", "number", over="seconds", scale=HOUR)
ANSWERS = total("answers", "Answers", "n")
AGREEMENT = Measure("agreement", "Agreement", "ratio", "agreement", "share", over="compared")
SHARE = Measure("share", "Share", "share", "n", "share")
JOB = Column("job", "Job")
WORKER = Column("worker", "Worker")
MODALITY = Column("modality", "Modality")
