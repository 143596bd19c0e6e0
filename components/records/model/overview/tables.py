"""One state of a lake in memory: patients, events, notes, what these mention, what holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brume.lake.lake import Snapshot
from brume.records.model.entities import read_entities
from brume.records.model.entity import CodeSystem, Concept, Entity, Trait
from brume.records.model.graph.resources import KINDS as CODED
from brume.records.model.graph.resources import coded_of, concepts_of
from brume.records.model.graph.statements import Choice, edge_of, stated
from brume.records.model.lake import Lake
from brume.records.model.overview import events
from brume.records.model.resources import Resource, Resources

Members = NDArray[np.bool_]
"""Which patients: one flag for each, by their numbers."""
Code = tuple[str, str]
"""System and code of a concept."""

_TEXT, _NUMBER = pa.string(), pa.int32()
_SCHEMAS = {
    "patients": [
        ("number", _NUMBER),
        ("id", _TEXT),
        ("name", _TEXT),
        ("sex", _TEXT),
        ("born", _TEXT),
        ("died", _TEXT),
    ],
    # patient -1: not known
    "notes": [("patient", _NUMBER)]
    + [(name, _TEXT) for name in ("id", "title", "kind", "date", "status", "author")],
    "events": [("patient", _NUMBER)]
    + [
        (name, _TEXT)
        for name in ("kind", "date", "end_date", "title", "status", "system", "code", "reference")
    ],
    "mentions": [("note", _TEXT), ("patient", _NUMBER)]
    + [(name, _TEXT) for name in ("relation", "system", "code", "text")]
    + [("mentions", _NUMBER)],
    # what holds of a patient, once for each note or resource that states it
    "facts": [("patient", _NUMBER)]
    + [(name, _TEXT) for name in ("relation", "system", "code", "source", "date")],
    "concepts": [("system", _TEXT), ("code", _TEXT), ("display", _TEXT)],
}
_NOTES = """
SELECT notes.id, notes.patient, title, kind, date, status, author, entities.json AS found
FROM notes LEFT JOIN entities ON entities.note = notes.id ORDER BY notes.patient, notes.id
"""
_BATCH = 1024  # notes that are read at once
_ROWS = 50_000  # of a table that wait in memory as objects


@dataclass(frozen=True)
class Patient:
    """A patient, without what a timeline has."""

    id: str
    name: str
    sex: str  # FHIR's administrative gender, "" where it is not known
    born: str  # FHIR's dates, "" where they are not known; `died` is "true" where only that is known
    died: str


@dataclass(frozen=True)
class Overview:
    """One state of a lake. Each reader takes a `cursor()` of its own."""

    patients: Sequence[Patient]  # by id; the place is the patient's number
    numbers: dict[str, int]
    having: dict[Code, dict[str, NDArray[np.int32]]]  # numbers of patients by concept and relation
    codes: Sequence[Code]  # of `having`, in order
    displays: dict[Code, str]
    connection: duckdb.DuckDBPyConnection = field(repr=False)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one thread."""
        return self.connection.cursor()

    def members(self, patients: Iterable[str] | None = None) -> Members:
        """Return which patients are named; without `patients` all."""
        if patients is None:
            return np.ones(len(self.patients), dtype=bool)
        found = np.zeros(len(self.patients), dtype=bool)
        found[[self.numbers[one] for one in patients if one in self.numbers]] = True
        return found


def build(lake: Lake, snapshot: Snapshot, choice: Choice | None = None) -> Overview:
    """Read one state of a lake. Raises `LakeError`.

    `choice` decides, as for the graph, which mentions hold of a patient.
    """
    made = _Building(choice or Choice())
    with Resources(lake, snapshot) as resources:
        made.take_resources(resources)
    with lake.connect(snapshot) as connection:
        for batch in connection.sql(_NOTES).to_arrow_reader(_BATCH):
            for row in batch.to_pylist():
                made.take_note(row)
    return made.finish()


class _Building:
    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._connection = duckdb.connect(":memory:")
        self._rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._patients: list[Patient] = []
        self._numbers: dict[str, int] = {}
        self._displays: dict[Code, str] = {}
        self._having: dict[Code, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for name, columns in _SCHEMAS.items():
            empty = pa.schema(columns).empty_table()  # DuckDB reads it by its name
            self._connection.register("given", empty)
            self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")  # noqa: S608 - constants
            self._connection.unregister("given")

    def take_resources(self, resources: Resources) -> None:
        for one in resources.of("Patient"):
            self._numbers[one.id] = len(self._patients)
            self._patients.append(_patient(one))
        medications = {one.id: concepts_of(one.value.get("code")) for one in resources.of("Medication")}
        for one in resources.of(*events.TYPES):
            number = self._numbers.get(resources.patient_of(one))
            event = None if number is None else events.event_of(one, medications)
            if number is None or event is None:
                continue
            concept = event.concept
            named = (concept.system, concept.code) if concept else ("", "")
            if concept:
                self._name(concept)
            times = (event.date, event.end)
            self._add("events", number, event.kind, *times, event.title, event.status, *named, one.reference)
            if one.type in CODED:
                for coded in coded_of(one.value, medications):
                    if not coded.refuted:
                        edge = edge_of(coded)
                        self._state(number, edge.name, edge.concept, one.reference, event.date)

    def take_note(self, row: dict[str, Any]) -> None:
        number = self._numbers.get(row["patient"], -1)
        note, date = row["id"], row["date"] or ""
        about = (row["title"] or "", row["kind"] or "", date, row["status"] or "", row["author"] or "")
        self._add("notes", number, note, *about)
        if number >= 0:
            title = about[0] or about[1] or "Note"
            self._add("events", number, events.NOTE, date, "", title, about[3], "", "", note)
        found: dict[tuple[str, Code], list[str]] = defaultdict(list)
        for entity in read_entities(row["found"]) if row["found"] else ():
            if not entity.concepts:
                continue
            best = entity.concepts[0]
            self._name(best)
            edge = stated(entity, self._choice)
            relation = edge.name if edge else _relation(entity)
            found[relation, (best.system, best.code)].append(entity.text)
            if edge and number >= 0 and len(found[relation, (best.system, best.code)]) == 1:
                self._state(number, edge.name, edge.concept, note, date)
        for (relation, code), texts in found.items():
            self._add("mentions", note, number, relation, *code, texts[0], len(texts))

    def finish(self) -> Overview:
        for number, one in enumerate(self._patients):
            self._add("patients", number, one.id, one.name, one.sex, one.born, one.died)
        for (system, code), display in self._displays.items():
            self._add("concepts", system, code, display)
        for name in _SCHEMAS:
            self._flush(name)
        having = {
            code: {name: np.array(sorted(found), dtype=np.int32) for name, found in relations.items()}
            for code, relations in self._having.items()
        }
        return Overview(
            self._patients, self._numbers, having, sorted(having), self._displays, self._connection
        )

    def _state(self, number: int, relation: str, concept: Concept, source: str, date: str) -> None:
        self._name(concept)
        self._having[concept.system, concept.code][relation].add(number)
        self._add("facts", number, relation, concept.system, concept.code, source, date)

    def _name(self, concept: Concept) -> None:
        """Keep the name of a concept, the same whichever comes first."""
        key, known = (concept.system, concept.code), self._displays.get((concept.system, concept.code))
        if known is None or (not known, known) > (not concept.display, concept.display):
            self._displays[key] = concept.display

    def _add(self, table: str, *values: Any) -> None:
        self._rows[table].append(values)
        if len(self._rows[table]) >= _ROWS:
            self._flush(table)

    def _flush(self, table: str) -> None:
        rows = self._rows.pop(table, [])
        if not rows:
            return
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True))
        schema = pa.schema(_SCHEMAS[table])
        data = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
        self._connection.register("given", pa.table(data, schema=schema))
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM given")  # noqa: S608 - constants
        self._connection.unregister("given")


_RELATIONS: Sequence[tuple[str, Callable[[Entity], bool]]] = (
    ("negated", lambda entity: entity.has(Trait.NEGATION)),
    ("possible", lambda entity: entity.has(Trait.HYPOTHETICAL) or entity.has(Trait.LOW_CONFIDENCE)),
    ("family", lambda entity: entity.has(Trait.FAMILY)),
)


def _relation(entity: Entity) -> str:
    """Return how a note mentions what holds not of its patient."""
    return next((name for name, holds in _RELATIONS if holds(entity)), "mentioned")


def _patient(one: Resource) -> Patient:
    value = one.value
    died = value.get("deceasedDateTime") or ("true" if value.get("deceasedBoolean") is True else "")
    sex, born = (str(value.get(name) or "") for name in ("gender", "birthDate"))
    return Patient(one.id, _name_of(value.get("name")), sex, born, str(died))


def _name_of(names: Any) -> str:
    """Return the official name of a Patient as one text, or else the first."""
    known = [name for name in names if isinstance(name, dict)] if isinstance(names, list) else []
    for one in sorted(known, key=lambda name: name.get("use") != "official"):
        given = one.get("given")
        parts = [*(given if isinstance(given, list) else []), one.get("family")]
        if text := one.get("text") or " ".join(str(part) for part in parts if part):
            return str(text)
    return ""


def is_within(code: Code, category: Code) -> bool:
    """Return whether a code is another or, in ICD-10-CM, one of its subdivisions (E11.9 of E11)."""
    if code[0] != category[0]:
        return False
    return code[1] == category[1] or (code[0] == CodeSystem.ICD10CM and code[1].startswith(category[1]))
