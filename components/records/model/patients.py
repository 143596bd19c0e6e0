"""What a lake knows of each patient: the notes, and the codes that resources state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from brume.lake.lake import Snapshot
from brume.records.model.graph.files import PatientRecord
from brume.records.model.graph.resources import KINDS, coded_of, concepts_of
from brume.records.model.graph.statements import Coded
from brume.records.model.lake import Lake
from brume.records.model.notes.stored import notes_by_patient
from brume.records.model.resources import Resources


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
    for name, notes in notes_by_patient(lake, state):
        yield PatientRecord(name, [(note, ()) for note in notes], coded.pop(name, ()))
    for name in sorted(coded):
        yield PatientRecord(name, (), coded[name])
