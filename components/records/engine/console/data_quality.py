"""GetDataQuality: what the export that the lake was made of had, what was mended and set aside."""

from __future__ import annotations

from typing import Any

from brume.aws.engine.service import Call
from brume.records.engine.console.common import absent
from brume.records.engine.lake_reader import LakeReader, NoLakeError
from brume.records.model import quality

_MOST = 200  # rows of each kind


class DataQuality:
    """The operation on data quality."""

    def __init__(self, lake: LakeReader) -> None:
        self._lake = lake

    def get_data_quality(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """GetDataQuality."""
        try:
            with self._lake.connect() as connection:
                totals = quality.totals(connection)
                repairs = quality.repairs(connection)
                rejects = quality.rejects(connection, _MOST)
                note_rejects = quality.note_rejects(connection, _MOST)
        except NoLakeError as error:
            raise absent(str(error)) from error
        return {
            "Notes": totals.notes,
            "Patients": totals.patients,
            "NotesWithoutPatient": totals.unknown,
            "Files": totals.files,
            "Resources": totals.resources,
            "Repaired": totals.repaired,
            "Rejected": totals.rejects,
            "Repairs": _named(("What", "Count", "Files", "First"), repairs),
            "Rejects": _named(("File", "Line", "Count", "Reason", "Remedy"), rejects),
            "NoteRejects": _named(("NoteId", "Reason", "Remedy", "File", "Line"), note_rejects),
        }


def _named(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]
