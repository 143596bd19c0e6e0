"""The images that are held out for testing when a project has no test dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from brume.inspection.model.manifest import Line

SHARE = 0.2


def held_out(lines: Sequence[Line]) -> set[str]:
    """Return the source-refs of a fifth of the labelled lines, of normal and of anomalous ones alike.

    The choice is by a hash of the source-ref: the same images give the same split, and an image that is added
    moves few others.
    """
    chosen: set[str] = set()
    for anomalous in (False, True):
        refs = [line.source_ref for line in lines if line.anomalous is anomalous]
        refs.sort(key=lambda ref: hashlib.sha256(ref.encode()).digest())
        chosen.update(refs[: _held(len(refs))])
    return chosen


def fewest_before_split(left: int) -> int:
    """Return how many images of one kind there must be for `left` of them to stay after the split."""
    count = left
    while count - _held(count) < left:
        count += 1
    return count


def _held(count: int) -> int:
    return int(count * SHARE + 0.5)
