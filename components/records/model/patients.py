"""What a lake knows of each patient: the notes with what was found in them, the codes of resources."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from brume.lake.lake import Snapshot
from brume.records.model.entities import read_entities
from brume.records.model.entity import CodeSystem, Entity
from brume.records.model.graph.files import PatientRecord
from brume.records.model.graph.resources import KINDS, coded_of, concepts_of
from brume.records.model.graph.statements import MEDICATION, Coded
from brume.records.model.lake import Lake
from brume.records.model.note import Note
from brume.records.model.resources import Resources

_BATCH = 1024  # notes that are read at once
_NOTES = """
SELECT notes.* EXCLUDE (file, line), entities.json AS found
FROM notes LEFT JOIN entities ON entities.note = notes.id ORDER BY notes.patient, notes.id
"""


def patient_records(lake: Lake, snapshot: Snapshot | None = None) -> Iterator[PatientRecord]:
    """Iterate the patients of one state of a lake by id; "" is who notes without a known patient are of.

    The codes of all patients are in memory, and the notes of one at a time. Raises `LakeError`.
    """
    state = snapshot or lake.snapshot()
    coded: dict[str, list[Coded]] = defaultdict(list)
    with Resources(lake, state) as resources:
        medications = {one.id: concepts_of(one.value.get("code")) for one in resources.of("Medication")}
        for patient in resources.of("Patient"):
            coded[patient.id] = []
        for one in resources.of(*KINDS):
            coded[resources.patient_of(one)] += coded_of(one.value, medications)
    coded.pop("", None)  # a code that is of nobody states nothing
    with lake.connect(state) as connection:
        batches = connection.sql(_NOTES).to_arrow_reader(_BATCH)
        rows = (row for batch in batches for row in batch.to_pylist())
        for name, some in itertools.groupby(rows, lambda row: str(row["patient"])):
            yield PatientRecord(name, [_note(row) for row in some], coded.pop(name, ()))
    for name in sorted(coded):
        yield PatientRecord(name, (), coded[name])


def _note(row: dict[str, Any]) -> tuple[Note, tuple[Entity, ...]]:
    found = row.pop("found")
    return Note(**row), read_entities(found) if found else ()


def drug_names(lake: Lake, snapshot: Snapshot | None = None) -> Iterator[tuple[str, str]]:
    """Iterate the codes of RxNorm that the resources of a lake state, each with its display."""
    types = ("Medication", *(name for name, kind in KINDS.items() if kind == MEDICATION))
    with Resources(lake, snapshot) as resources:
        for one in resources.of(*types):
            code = one.value.get("code" if one.type == "Medication" else "medicationCodeableConcept")
            for concept in concepts_of(code):
                if concept.system == CodeSystem.RXNORM and concept.display:
                    yield concept.code, concept.display
