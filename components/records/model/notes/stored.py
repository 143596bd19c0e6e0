"""Read the notes of a lake."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import fields

import pyarrow.parquet as pq

from brume.lake.lake import Snapshot
from brume.records.model.lake import Lake
from brume.records.model.note import Note

_BY_PATIENT = "SELECT * EXCLUDE (file, line) FROM notes ORDER BY patient, id"
_COLUMNS = [field.name for field in fields(Note)]
_BATCH = 1024


def read_notes(lake: Lake, snapshot: Snapshot | None = None) -> Iterator[Note]:
    """Iterate the notes of one state of a lake, the present one without `snapshot`, in their order.

    That is by type and id of their resources; memory is bounded by a batch. Raises `LakeError`.
    """
    for part in (snapshot or lake.snapshot()).parts("notes"):
        with pq.ParquetFile(lake.fetch(part)) as file:
            for batch in file.iter_batches(_BATCH, columns=_COLUMNS):
                for row in batch.to_pylist():
                    yield Note(**row)


def notes_by_patient(lake: Lake, snapshot: Snapshot | None = None) -> Iterator[tuple[str, list[Note]]]:
    """Iterate the patients who have notes by id, each with the notes by id; "" where none is known."""
    with lake.connect(snapshot) as connection:
        batches = connection.sql(_BY_PATIENT).to_arrow_reader(_BATCH)
        notes = (Note(**row) for batch in batches for row in batch.to_pylist())
        for patient, some in itertools.groupby(notes, lambda note: note.patient):
            yield patient, list(some)
