"""A fault that a check found, before it becomes a row of the table `findings`."""

from __future__ import annotations

from dataclasses import dataclass

JUMP, VANISH, FLICKER, OUTSIDE, SIZE = "jump", "vanish", "flicker", "outside", "size"
LABEL_ERROR, DISAGREEMENT, AUDIT = "label error", "disagreement", "audit"
TOO_FAST, TOO_SLOW, IDLE = "too fast", "too slow", "idle"


@dataclass(frozen=True)
class Fault:
    """One finding of a job; `label` is the row of a label that it is about, among the job's labels.

    `detail` is a sentence with the values and what was expected. Frames are numbers as the labels have them,
    the last one itself included. `answer` is a row of the job's answers. `object` is the object's id, where
    `label` does not give it.
    """

    kind: str
    score: float
    detail: str
    item: int | None = None
    frame_no: int | None = None
    frame_end: int | None = None
    label: int | None = None
    worker: str | None = None
    answer: int | None = None
    object: str | None = None
