"""The cohort: which slides, of which patients, with which labels, in which split.

Nothing here depends on the order of files, on the machine or on the interpreter's hash seed: classes are
sorted by name, and the split follows from the seed and the names alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from brume import storage
from brume.run.rejects import Reject

SPLITS = ("train", "valid", "test")
SHARES = {"train": 0.7, "valid": 0.2, "test": 0.1}
_TCGA_LISTS = "tcga-lung-"
_BARCODE = 12  # characters of a TCGA barcode that name the patient: TCGA-67-3772


class CohortError(RuntimeError):
    """A cohort that cannot be worked with; the message gives the reason and the remedy."""


class LabelsError(ValueError):
    """A labels file that cannot be used; the message names the file, the line and the remedy."""


class LabelledSlide(NamedTuple):
    """One row of the labels: a slide's name, its patient and its label."""

    slide: str
    patient: str
    label: str


def read_labels(path: str) -> list[LabelledSlide]:
    """Read the labels of a cohort, in the order of slide, patient and label; equal rows once.

    `path` (local or s3://) is a CSV file with the columns slide, patient and label, or a folder of text files
    `tcga-lung-LABEL.txt` with one slide name a line, where the patient is the first 12 characters of the TCGA
    barcode. Cells that are empty stay empty: those slides are rejected when the cohort is built.
    Raises `LabelsError` for a file of neither form and `FileNotFoundError` when nothing is there.
    """
    uri = str(path)
    if not uri:
        raise LabelsError("labels= is empty: name a CSV file with the columns slide, patient, label")
    rows = _read_csv(uri) if uri.lower().endswith((".csv", ".tsv")) else _read_lists(uri)
    if not rows:
        raise LabelsError(f"{uri} names no slide")
    return sorted(set(rows))


def _text(uri: str) -> str:
    data = storage.read_bytes(uri)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsError(f"{uri}: byte {error.start} is not UTF-8: save the file as UTF-8") from error


def _read_csv(uri: str) -> list[LabelledSlide]:
    dialect = "excel-tab" if uri.lower().endswith(".tsv") else "excel"
    reader = csv.DictReader(io.StringIO(_text(uri)), dialect=dialect, strict=True)
    names = {(name or "").strip().lower(): name for name in reader.fieldnames or []}
    missing = [name for name in LabelledSlide._fields if name not in names]
    if missing:
        found = ", ".join(filter(None, names)) or "none"
        raise LabelsError(
            f"{uri}: the first line lacks the column {' and '.join(missing)} (found: {found}); "
            "it must name slide, patient and label"
        )
    rows = []
    try:
        for record in reader:
            cells = [(record[names[name]] or "").strip() for name in LabelledSlide._fields]
            if not any(cells):
                continue
            if not cells[0]:
                raise LabelsError(f"{uri}: line {reader.line_num} names no slide")
            rows.append(LabelledSlide(*cells))
    except csv.Error as error:
        raise LabelsError(f"{uri}: line {reader.line_num + 1}: {error}") from error
    return rows


def _read_lists(uri: str) -> list[LabelledSlide]:
    files = [
        entry.uri
        for entry in storage.list_files(uri)
        if storage.name_of(entry.uri).lower().startswith(_TCGA_LISTS) and entry.uri.lower().endswith(".txt")
    ]
    if not files:
        if not storage.exists(uri):
            raise FileNotFoundError(f"labels={uri} is not there")
        raise LabelsError(
            f"{uri} is neither a .csv file with the columns slide, patient, label "
            f"nor a folder of text files {_TCGA_LISTS}LABEL.txt"
        )
    rows = []
    for file in files:
        label = storage.name_of(file)[len(_TCGA_LISTS) : -len(".txt")]
        for number, line in enumerate(_text(file).splitlines(), start=1):
            name = line.strip()
            if not name:
                continue
            if len(name) < _BARCODE:
                raise LabelsError(
                    f"{file}: line {number}: {name!r} is no TCGA slide name (at least {_BARCODE} characters)"
                )
            rows.append(LabelledSlide(name, name[:_BARCODE], label))
    return rows


def split_by_patient(rows: Iterable[Sequence[str]], seed: int) -> dict[str, str]:
    """Return the split (train, valid or test) of each slide; a patient's slides all have the same.

    70 % of the patients go to train, 20 % to valid and 10 % to test, in each class as nearly as patients
    with several labels allow; a class of three patients or more is in every split. The result depends on the
    seed and on the set of rows alone. Method: iterative stratification of multi-label data (Sechidis,
    Tsoumakas and Vlahavas 2011), with patients for samples and a patient's labels for its label set.
    """
    labels_of: dict[str, set[str]] = defaultdict(set)
    slides_of: dict[str, set[str]] = defaultdict(set)
    for slide, patient, label in rows:
        labels_of[patient].add(label)
        slides_of[patient].add(slide)
    counts = Counter(label for labels in labels_of.values() for label in labels)
    wanted = {label: _wanted(count) for label, count in counts.items()}
    room = {split: SHARES[split] * len(labels_of) for split in SPLITS}
    waiting = sorted(labels_of, key=lambda patient: _digest(seed, patient))
    assigned: dict[str, str] = {}
    while waiting:
        left = Counter(label for patient in waiting for label in labels_of[patient])
        scarce = min(left, key=lambda label: (left[label], label))
        for patient in [patient for patient in waiting if scarce in labels_of[patient]]:
            split = max(SPLITS, key=lambda name: (wanted[scarce][name], room[name], SHARES[name]))
            assigned[patient] = split
            room[split] -= 1
            for label in labels_of[patient]:
                wanted[label][split] -= 1
        waiting = [patient for patient in waiting if patient not in assigned]
    return {slide: assigned[patient] for patient, slides in slides_of.items() for slide in sorted(slides)}


def _wanted(patients: int) -> dict[str, float]:
    """Return how many of a class's patients each split should get."""
    if patients < 3:
        return {"train": 1.0, "valid": 0.0, "test": patients - 1.0}
    valid, test = (max(1.0, SHARES[split] * patients) for split in ("valid", "test"))
    return {"train": patients - valid - test, "valid": valid, "test": test}


def _digest(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()


class Match(NamedTuple):
    """Slides whose labels and files belong together, and what was left over."""

    rows: list[tuple[LabelledSlide, storage.Entry]]
    rejects: list[Reject]


def match(labels: Sequence[LabelledSlide], files: Mapping[str, storage.Entry]) -> Match:
    """Bring labels and files together; `files` maps a slide's path below the slides folder to its entry.

    A label names a slide by that path, by the file's name, or by the name without its suffix. Set aside are:
    a slide without a label, a label without a slide, a name that fits several files, a slide with several
    labels or patients, and a row without a patient or a label.
    """
    named: dict[str, list[str]] = defaultdict(list)
    for path in sorted(files):
        pure = PurePosixPath(path)
        for name in {path, pure.name, pure.stem}:
            named[name].append(path)
    rows: dict[str, LabelledSlide] = {}
    rejects: list[Reject] = []
    seen: set[str] = set()
    by_slide: dict[str, list[LabelledSlide]] = defaultdict(list)
    for row in labels:
        by_slide[row.slide].append(row)
    for slide, entries in sorted(by_slide.items()):
        paths = named.get(slide, [])
        seen.update(paths)
        if not paths:
            rejects.append(Reject(slide, "cohort", "labelled, but there is no such slide"))
        elif len(paths) > 1:
            rejects.append(Reject(slide, "cohort", f"the name fits several files: {', '.join(paths)}"))
        elif len(entries) > 1:
            rows_of = "; ".join(f"patient {entry.patient}, label {entry.label}" for entry in entries)
            rejects.append(Reject(slide, "cohort", f"labelled more than once, and differently: {rows_of}"))
        elif not entries[0].label or not entries[0].patient:
            absent = "label" if not entries[0].label else "patient"
            rejects.append(Reject(slide, "cohort", f"its row in the labels has no {absent}"))
        elif paths[0] in rows:
            rejects.append(Reject(slide, "cohort", f"labelled a second time, as {rows[paths[0]].slide}"))
        else:
            rows[paths[0]] = entries[0]
    rejects += [
        Reject(path, "cohort", "no label: add a row for it to the labels")
        for path in sorted(files)
        if path not in seen
    ]
    names = Counter(PurePosixPath(path).name for path in rows)
    matched = []
    for path, row in sorted(rows.items()):
        name = PurePosixPath(path).name if names[PurePosixPath(path).name] == 1 else path
        matched.append((row._replace(slide=name), files[path]))
    return Match(matched, rejects)
