"""Read the notes of a lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import pyarrow.parquet as pq

from brume.lake.lake import Snapshot
from brume.records.model.lake import Lake
from brume.records.model.note import Note

_BY_ID = """
SELECT * EXCLUDE (file, line) FROM notes SEMI JOIN (SELECT unnest($ids) AS id) wanted USING (id) ORDER BY id
"""
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


def notes_by_id(lake: Lake, ids: Sequence[str], snapshot: Snapshot | None = None) -> list[Note]:
    """Return notes by their ids, by id; a note that is not there is left out."""
    with lake.connect(snapshot) as connection:
        rows = connection.sql(_BY_ID, params={"ids": list(ids)}).to_arrow_table().to_pylist()
    return [Note(**row) for row in rows]
