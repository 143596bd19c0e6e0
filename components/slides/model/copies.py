"""Copies: the same slide twice in a cohort, under two names, found by content.

Slides on a disk are compared by size, then by samples, then whole. In an object store size and ETag are
compared: a copy that was uploaded in parts of another size, or is encrypted by a key, has another ETag and is
not found.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from brume import storage
from brume.run.rejects import Reject
from brume.slides.model.cohort import CohortError
from brume.slides.model.labels import LabelledSlide
from brume.slides.model.remarks import Remark
from brume.slides.model.slide_files import SlideFile

STEP = "cohort"
_SAMPLE = 64 * 1024  # bytes at the start, in the middle and at the end of a file
_SHOWN = 20  # pairs in an error


class Copies(NamedTuple):
    """What is left out: copies with one used in their place, and copies of which none can be."""

    remarks: list[Remark]
    rejects: list[Reject]


def find_copies(slides: Mapping[LabelledSlide, SlideFile]) -> Copies:
    """Find the slides with the same content; of those of one patient and label the first by name is used.

    Copies with different labels are rejects. Raises `CohortError`, naming the files, for copies under
    different patients: one would be trained on and the other tested on.
    """
    found, mixed = Copies([], []), []
    for group in _same_content(slides):
        first, *others = sorted(group)
        if patients := [other for other in others if other.patient != first.patient]:
            pairs = [first, patients[0]]
            mixed.append(" and ".join(f"{slides[s].entry.uri} (patient {s.patient})" for s in pairs))
        elif any(other.label != first.label for other in others):
            labels = ", ".join(f"{slide.slide}: {slide.label}" for slide in sorted(group))
            reason = f"the same slide has several labels ({labels})"
            found.rejects.extend(Reject(slide.slide, STEP, reason, "correct the labels") for slide in group)
        else:
            text = f"left out: it is a copy of {first.slide}, by content"
            found.remarks.extend(Remark(other.slide, STEP, text) for other in others)
    if mixed:
        more = f"\n  ... and {len(mixed) - _SHOWN} more" if len(mixed) > _SHOWN else ""
        raise CohortError(
            "The same slide, by content, belongs to two patients:\n  "
            + "\n  ".join(mixed[:_SHOWN])
            + f"{more}\nCorrect the labels, or remove one of the two."
        )
    return found


def _same_content(slides: Mapping[LabelledSlide, SlideFile]) -> list[list[LabelledSlide]]:
    """Return the groups of two and more slides that have the same content."""
    groups: list[list[LabelledSlide]] = [list(slides)]
    for key in (_sizes, _samples, _contents):
        groups = [part for group in groups for part in _parts(group, slides, key)]
    return groups


def _parts(
    group: Iterable[LabelledSlide],
    slides: Mapping[LabelledSlide, SlideFile],
    key: Callable[[SlideFile], Hashable],
) -> list[list[LabelledSlide]]:
    parts: dict[Hashable, list[LabelledSlide]] = defaultdict(list)
    for slide in group:
        parts[key(slides[slide])].append(slide)
    return [part for part in parts.values() if len(part) > 1]


def _sizes(file: SlideFile) -> Hashable:
    versions = (part.version if storage.is_remote(part.uri) else "" for part in file.files)
    return tuple(sorted(zip((part.size for part in file.files), versions, strict=True)))


def _samples(file: SlideFile) -> Hashable:
    return _digests(file, _sample)


def _contents(file: SlideFile) -> Hashable:
    return _digests(file, lambda stream, size: hashlib.file_digest(stream, "sha256").digest())


def _digests(file: SlideFile, digest: Callable[[BufferedReader, int], bytes]) -> Hashable:
    """Return a digest of each file of a slide on a disk, in no order of names."""
    if storage.is_remote(file.entry.uri):
        return ()
    digests = []
    for part in file.files:
        with Path(part.uri).open("rb") as stream:
            digests.append(digest(stream, part.size))
    return tuple(sorted(digests))


def _sample(stream: BufferedReader, size: int) -> bytes:
    parts = []
    for start in (0, size // 2, max(0, size - _SAMPLE)):
        stream.seek(start)
        parts.append(stream.read(_SAMPLE))
    return hashlib.sha256(b"".join(parts)).digest()
