"""All checks of a job's consolidated labels by themselves, each fault reported once."""

from __future__ import annotations

import numpy as np

from brume.labels.model.quality import box_sizes, motion, object_tracks, presence
from brume.labels.model.quality.annotation_sets import AnnotationSets
from brume.labels.model.quality.arrays import Codes
from brume.labels.model.quality.faults import Fault
from brume.labels.model.quality.frame_size import frame_sizes


def check(sets: AnnotationSets, given: dict[int, tuple[float | None, float | None]]) -> list[Fault]:
    """Return the faults of all consolidated labels; `given`: known sizes of frames by item.

    Faults that follow from another of the same object in the same frames are left out: a box out of the frame
    has leapt there, too.
    """
    boxes = np.flatnonzero(sets.consolidated & sets.of_kind("box"))
    frame = frame_sizes(sets.box[boxes], sets.item[sets.set_number[boxes]], sets.thing[boxes], given)
    followed = object_tracks.follow(sets)
    faults = box_sizes.impossible(sets, frame)
    for more in (
        box_sizes.unlike_their_kind(sets, frame),
        box_sizes.sudden(followed, frame),
        motion.jumps(followed),
        presence.gaps(followed, frame),
    ):
        faults += without_echoes(more, faults, sets.thing)
    return faults + presence.moments(followed, sets.subjects)


def without_echoes(faults: list[Fault], stronger: list[Fault], object_of: Codes) -> list[Fault]:
    """Leave out faults that only repeat a stronger one of the same object in the same frames.

    `object_of` is the object of each label (`AnnotationSets.thing`).
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    for fault in stronger:
        if fault.label is not None and fault.frame_no is not None and fault.frame_end is not None:
            spans.setdefault(int(object_of[fault.label]), []).append((fault.frame_no, fault.frame_end))

    def repeats(fault: Fault) -> bool:
        if fault.label is None or fault.frame_no is None or fault.frame_end is None:
            return False
        # One frame more: the return from a wrong place is noticed in the frame after it.
        known = spans.get(int(object_of[fault.label]), [])
        return any(fault.frame_no <= end + 1 and first <= fault.frame_end for first, end in known)

    return [fault for fault in faults if not repeats(fault)]
