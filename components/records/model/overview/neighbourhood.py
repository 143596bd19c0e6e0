"""The graph around a note, a patient or a concept, small enough to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from brume.records.model.entity import CodeSystem
from brume.records.model.overview.disclosure import Disclosure
from brume.records.model.overview.pairs import CONDITION, DRUG, pairs
from brume.records.model.overview.tables import Code, Members, Overview

MOST = 300
"""Nodes at most."""
NOTE, PATIENT, CONCEPT = "note", "patient", "concept"
_PAIRS = 30  # concepts that occur together with one
_NOTE_SHARE = 0.5  # of a patient's nodes at most that are notes, while concepts need the rest

_OF_NOTE = """
SELECT relation, mentions.system, mentions.code, mentions, text FROM mentions WHERE note = $note
ORDER BY mentions DESC, relation, mentions.system, mentions.code
"""
_OF_PATIENT = """
SELECT relation, system, code, count(*) sources FROM facts WHERE patient = $number
GROUP BY ALL ORDER BY sources DESC, relation, system, code
"""
_NOTES = "SELECT id, title, kind, date FROM notes WHERE patient = $number ORDER BY date DESC, id"
_PATIENTS = """
SELECT patient, relation, count(*) sources FROM facts
WHERE patient IN (SELECT unnest($numbers))
    AND (system, code) IN (SELECT (unnest($systems), unnest($codes)))
GROUP BY ALL ORDER BY sources DESC, patient, relation
"""


@dataclass(frozen=True)
class Node:
    """A node: `id` is the note's, the patient's, or SYSTEM|CODE; `group` colours it."""

    kind: str
    id: str
    label: str
    group: str  # note, patient, condition, drug, procedure, finding
    detail: str = ""


@dataclass(frozen=True)
class Link:
    """An edge between two nodes, by kind and id; `count` is how many mentions or sources state it."""

    source: tuple[str, str]
    target: tuple[str, str]
    relation: str
    count: int


@dataclass
class Graph:
    """Nodes and the edges between them; `left_out` counts the nodes for which there was no room."""

    nodes: dict[tuple[str, str], Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    left_out: int = 0

    def add(self, node: Node, link: Link | None, most: int) -> None:
        """Add a node, and an edge to it, if there is room."""
        key = (node.kind, node.id)
        if key not in self.nodes:
            if len(self.nodes) >= most:
                self.left_out += 1
                return
            self.nodes[key] = node
        if link is not None:
            self.links.append(link)


def around_note(overview: Overview, note: str, among: Members | None, most: int = MOST) -> Graph:
    """Return a note with its patient and the concepts that it mentions, in whatever way.

    `among` are the patients whose notes may be seen, None where all may, notes of nobody too. Raises
    `KeyError` for a note that is not there or of another patient.
    """
    with overview.cursor() as cursor:
        sql = "SELECT patient, title, kind, date FROM notes WHERE id = $note"
        row = cursor.execute(sql, {"note": note}).fetchone()
        if row is None or not (among is None or (row[0] >= 0 and among[row[0]])):
            raise KeyError(note)
        found = Graph()
        centre = Node(NOTE, note, row[1] or row[2] or "Note", "note", row[3])
        found.add(centre, None, most)
        if row[0] >= 0:
            one = _patient(overview, row[0])
            found.add(one, Link((NOTE, note), (PATIENT, one.id), "of", 1), most)
        for relation, system, code, count, text in cursor.execute(_OF_NOTE, {"note": note}).fetchall():
            concept = _concept(overview, (system, code), text)
            found.add(concept, Link((NOTE, note), (CONCEPT, concept.id), relation, count), most)
    return found


def around_patient(overview: Overview, patient: str, among: Members, most: int = MOST) -> Graph:
    """Return a patient with the last notes and the concepts that hold of them. Raises `KeyError`."""
    number = overview.numbers[patient]
    if not among[number]:
        raise KeyError(patient)
    with overview.cursor() as cursor:
        facts = cursor.execute(_OF_PATIENT, {"number": number}).fetchall()
        notes = cursor.execute(_NOTES, {"number": number}).fetchall()
    found = Graph()
    found.add(_patient(overview, number), None, most)
    concepts = len({(system, code) for _, system, code, _ in facts})
    last = notes[: max(int(most * _NOTE_SHARE), most - 1 - concepts)]
    for relation, system, code, count in facts:
        node = _concept(overview, (system, code))
        link = Link((PATIENT, patient), (CONCEPT, node.id), relation, count)
        found.add(node, link, max(1, most - len(last)))
    for identity, title, kind, date in last:
        node = Node(NOTE, identity, title or kind or "Note", "note", date)
        found.add(node, Link((PATIENT, patient), (NOTE, identity), "note", 1), most)
    found.left_out += len(notes) - len(last)
    return found


def around_concept(
    overview: Overview,
    code: Code,
    among: Members,
    disclosure: Disclosure | None,
    most: int = MOST,
) -> Graph:
    """Return a concept with its category and subdivisions, and the patients of whom it holds.

    With a `disclosure` instead of the patients, whose ids a reader may not see: the concepts that enough
    patients have together with it; what is shown is added to it. Raises `KeyError` for a concept that no
    note and no resource has.
    """
    if code not in overview.displays:
        raise KeyError(code)
    found = Graph()
    centre = _concept(overview, code)
    found.add(centre, None, most)
    key = (CONCEPT, centre.id)
    for other in _family(overview, code):
        node = _concept(overview, other)
        ends = (key, (CONCEPT, node.id))
        broader = ends if len(other[1]) < len(code[1]) else ends[::-1]
        found.add(node, Link(*broader, "broader", 1), most)
    if disclosure is None:
        _add_patients(overview, code, among, found, most)
        return found
    for relations in ((CONDITION, CONDITION), (CONDITION, DRUG)):
        for pair in islice(pairs(overview, among, disclosure, relations, code), _PAIRS):
            first, second = _concept(overview, pair.one), _concept(overview, pair.other)
            found.add(first, None, most)
            ends = ((CONCEPT, first.id), (CONCEPT, second.id))
            found.add(second, Link(*ends, "together", pair.both), most)
    return found


def _add_patients(overview: Overview, code: Code, among: Members, found: Graph, most: int) -> None:
    params = {"numbers": np.flatnonzero(among).tolist(), "systems": [code[0]], "codes": [code[1]]}
    with overview.cursor() as cursor:
        rows = cursor.execute(_PATIENTS, params).fetchall()
    concept = (CONCEPT, "|".join(code))
    for number, relation, count in rows:
        node = _patient(overview, number)
        found.add(node, Link((PATIENT, node.id), concept, relation, count), most)


def _family(overview: Overview, code: Code) -> Iterable[Code]:
    """Return the next wider code of ICD-10-CM that is known, and the narrower ones."""
    if code[0] != CodeSystem.ICD10CM:
        return []
    known = [other for other in overview.displays if other[0] == code[0] and other[1] != code[1]]
    wider = [other for other in known if code[1].startswith(other[1])]
    narrower = [other for other in known if other[1].startswith(code[1])]
    return [*sorted(wider, key=lambda other: -len(other[1]))[:1], *sorted(narrower)]


def _patient(overview: Overview, number: int) -> Node:
    one = overview.patients[number]
    return Node(PATIENT, one.id, one.name or one.id, "patient", one.born[:4])


_GROUPS = {"hasCondition": "condition", "hadCondition": "condition", "hasFamilyHistoryOf": "condition"}
_GROUPS |= {"takes": "drug", "underwent": "procedure", "hasFinding": "finding"}


def group_of(relations: Iterable[str]) -> str:
    """Return what kind of thing a concept is, by the relations that patients have to it."""
    named: Sequence[str] = [_GROUPS[one] for one in relations if one in _GROUPS]
    return max(sorted(set(named)), key=named.count, default="condition")


def _concept(overview: Overview, code: Code, text: str = "") -> Node:
    group = group_of(overview.having.get(code, ()))
    if code[0] == CodeSystem.RXNORM:
        group = "drug"
    label = overview.displays.get(code) or text or code[1]
    return Node(CONCEPT, "|".join(code), label, group, code[1])
