"""The cohort: which files belong to which labels, and what is left over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from brume import storage
from brume.run.rejects import Reject
from brume.slides.model.labels import LabelledSlide
from brume.slides.model.remarks import Remark

_STEP = "cohort"


class CohortError(RuntimeError):
    """A cohort that cannot be worked with; the message gives the reason and the remedy."""


class Match(NamedTuple):
    """Slides whose labels and files belong together, what is wrong, and what is not of the cohort."""

    rows: list[tuple[LabelledSlide, storage.Entry]]
    rejects: list[Reject]
    remarks: list[Remark]


def match(labels: Sequence[LabelledSlide], files: Mapping[str, storage.Entry]) -> Match:
    """Bring labels and files together; `files` maps a slide's path below the slides folder to its entry.

    A label names a slide by that path, by the file's name, or by the name without its suffix. Set aside are:
    a name that fits several files, a slide with several labels or patients, and a row without a patient.
    What is not labelled, or labelled and not here, is no fault of the input: it is remarked on.
    """
    named: dict[str, list[str]] = defaultdict(list)
    for path in sorted(files):
        pure = PurePosixPath(path)
        for name in {path, pure.name, pure.stem}:
            named[name].append(path)
    rows: dict[str, LabelledSlide] = {}
    rejects: list[Reject] = []
    remarks: list[Remark] = []
    seen: set[str] = set()
    by_slide: dict[str, list[LabelledSlide]] = defaultdict(list)
    for row in labels:
        by_slide[row.slide].append(row)
    for slide, entries in sorted(by_slide.items()):
        paths = named.get(slide, [])
        seen.update(paths)
        if not paths:
            remarks.append(Remark(slide, _STEP, "left out: labelled, but there is no such slide"))
        elif len(paths) > 1:
            rejects.append(Reject(slide, _STEP, f"the name fits several files: {', '.join(paths)}"))
        elif len(entries) > 1:
            rows_of = "; ".join(f"patient {entry.patient}, label {entry.label}" for entry in entries)
            rejects.append(Reject(slide, _STEP, f"labelled more than once, and differently: {rows_of}"))
        elif not entries[0].label:
            remarks.append(Remark(slide, _STEP, "left out: its row in the labels has no label"))
        elif not entries[0].patient:
            rejects.append(Reject(slide, _STEP, "its row in the labels has no patient"))
        elif paths[0] in rows:
            rejects.append(Reject(slide, _STEP, f"labelled a second time, as {rows[paths[0]].slide}"))
        else:
            rows[paths[0]] = entries[0]
    remarks += [
        Remark(path, _STEP, "left out: no row in the labels") for path in sorted(files) if path not in seen
    ]
    names = Counter(PurePosixPath(path).name for path in rows)
    matched = []
    for path, row in sorted(rows.items()):
        name = PurePosixPath(path).name if names[PurePosixPath(path).name] == 1 else path
        matched.append((row._replace(slide=name), files[path]))
    return Match(matched, rejects, remarks)


def check_classes(slides: Sequence[LabelledSlide]) -> list[Remark]:
    """Return a remark on each class that a single patient has, so that it is in one split alone.

    Raises `CohortError` when the slides are of one class: there is nothing to learn.
    """
    patients: dict[str, set[str]] = defaultdict(set)
    for slide in slides:
        patients[slide.label].add(slide.patient)
    if len(patients) == 1:
        (label,) = patients
        raise CohortError(
            f"all {len(slides)} slides are of the class {label!r}: training needs two classes or more"
        )
    return [
        Remark(slide.slide, _STEP, f"class {slide.label} has no other patient: it cannot be tested")
        for slide in slides
        if len(patients[slide.label]) == 1
    ]
