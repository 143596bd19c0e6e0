"""The patients of a lake, each with notes, entities and coded resources: what the graph is written from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from itertools import groupby

from brume.lake.lake import Snapshot
from brume.records.model.entity import Concept, Entity
from brume.records.model.graph.files import PatientRecord
from brume.records.model.graph.resources import KINDS, coded_of, concepts_of
from brume.records.model.graph.statements import Coded
from brume.records.model.lake import Lake
from brume.records.model.note import Note
from brume.records.model.resources import Resources

_COLUMNS = ", ".join(field.name for field in fields(Note))
_BATCH = 256  # notes that are read at once


def patient_records(
    lake: Lake, entities: Callable[[Note], Sequence[Entity]], snapshot: Snapshot | None = None
) -> Iterator[PatientRecord]:
    """Yield the patients of one state of a lake, by their ids; "" is for what names no patient.

    `entities` returns those of a note. The codes of all resources are in memory, notes those of one patient.
    Raises `LakeError`.
    """
    state = snapshot or lake.snapshot()
    coded = _coded(lake, state)
    for patient, found in groupby(_notes(lake, state), lambda note: note.patient):
        for other in sorted(other for other in coded if other < patient):
            yield PatientRecord(other, [], coded.pop(other))
        yield PatientRecord(patient, [(note, entities(note)) for note in found], coded.pop(patient, []))
    for other in sorted(coded):
        yield PatientRecord(other, [], coded[other])


def _notes(lake: Lake, state: Snapshot) -> Iterator[Note]:
    with lake.connect(state) as connection:
        found = connection.execute(f"SELECT {_COLUMNS} FROM notes ORDER BY patient, id")  # noqa: S608 - constants
        while rows := found.fetchmany(_BATCH):
            yield from (Note(*row) for row in rows)


def _coded(lake: Lake, state: Snapshot) -> dict[str, list[Coded]]:
    found: defaultdict[str, list[Coded]] = defaultdict(list)
    with Resources(lake, state) as resources:
        medications: dict[str, list[Concept]] = {
            one.id: concepts_of(one.value.get("code")) for one in resources.of("Medication")
        }
        for resource in resources.of(*KINDS):
            if stated := list(coded_of(resource.value, medications)):
                found[resources.patient_of(resource)] += stated
    return dict(found)
