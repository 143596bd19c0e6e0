"""What a check found: one thing that someone should look at, before it becomes a row of the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.labels.quality.arrays import Codes

JUMP, VANISH, FLICKER, OUTSIDE, SIZE = "jump", "vanish", "flicker", "outside", "size"
LABEL_ERROR, DISAGREEMENT, AUDIT = "label error", "disagreement", "audit"
TOO_FAST, TOO_SLOW, IDLE = "too fast", "too slow", "idle"


@dataclass(frozen=True)
class Fault:
    """One finding of a job; `label` is the row of a label that it is about, among the job's labels.

    `detail` is a sentence with the values and what was expected. Frames are numbers as the labels have them,
    the last one itself included. `answer` is a row of the job's answers. `object` is the object's id, where
    `label` does not tell it.
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


def without_echoes(faults: Sequence[Fault], stronger: Sequence[Fault], object_of: Codes) -> list[Fault]:
    """Leave out faults that only repeat a stronger one of the same object in the same frames.

    A box that is as large as the frame has its middle elsewhere too: that is one fault, not two.
    `object_of` tells the object of each label.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for fault in stronger:
        if fault.label is not None and fault.frame_no is not None:
            span = fault.frame_no, fault.frame_end if fault.frame_end is not None else fault.frame_no
            spans.setdefault(int(object_of[fault.label]), []).append(span)

    def repeats(fault: Fault) -> bool:
        if fault.label is None or fault.frame_no is None:
            return False
        last = fault.frame_end if fault.frame_end is not None else fault.frame_no
        # One frame more: the return from a wrong place is noticed in the frame after it.
        known = spans.get(int(object_of[fault.label]), [])
        return any(fault.frame_no <= end + 1 and first <= last for first, end in known)

    return [fault for fault in faults if not repeats(fault)]
