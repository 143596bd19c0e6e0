"""Faults as rows of the table `findings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from brume.labels.model.quality.annotation_sets import AnnotationSets
from brume.labels.model.quality.faults import Fault
from brume.labels.model.schema import TABLES

_SCHEMA = TABLES["findings"].schema


def of_labels(
    faults: Sequence[Fault],
    job: tuple[str, str],
    sets: AnnotationSets,
    answers: pa.Table,
    files: Mapping[int, str],
) -> pa.Table:
    """Return the findings of one job; `files` names the file of the consolidated labels of an item."""
    rows = []
    for fault in faults:
        row = _row(fault, job, answers)
        if fault.label is not None:
            row["object"] = sets.id_of(fault.label)
        if row["file"] is None and fault.item is not None:
            row["file"] = files.get(fault.item)
        rows.append(row)
    return pa.Table.from_pylist(rows, _SCHEMA)


def of_answers(faults: Sequence[Fault], job: tuple[str, str], answers: pa.Table, first: int) -> pa.Table:
    """Return the findings about answers of one job, whose first answer has the number `first` in them."""
    return pa.Table.from_pylist([_row(fault, job, answers, first) for fault in faults], _SCHEMA)


def _row(fault: Fault, job: tuple[str, str], answers: pa.Table, first: int = 0) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(_SCHEMA.names)
    row |= {"modality": job[0], "job": job[1]}
    for name in ("kind", "score", "item", "frame_no", "frame_end", "object", "worker", "detail"):
        row[name] = getattr(fault, name)
    if fault.answer is not None:
        place = fault.answer - first
        row |= {name: answers[name][place].as_py() for name in ("item", "worker", "file", "answer")}
    return row
