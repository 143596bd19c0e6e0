"""The graph as files of N-Quads, and what changed in it: the same files load into any SPARQL store.

A part holds whole graphs. `graphs.json` has a digest of every graph, by which the next load sees which
graphs are new, other or gone, without comparing quads.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyoxigraph import NamedNode, Quad

from brume import storage
from brume.records.model.entity import Concept, Entity
from brume.records.model.graph import vocabulary as words
from brume.records.model.graph.cooccurrence import Cooccurrence
from brume.records.model.graph.statements import Choice, Coded, Edge, concept_quads, patient_quads
from brume.records.model.note import Note

GRAPHS = "graphs.json"
_QUADS_OF_PART = 200_000


@dataclass(frozen=True)
class PatientRecord:
    """What is known of one patient; a patient is in one record."""

    patient: str
    notes: Sequence[tuple[Note, Sequence[Entity]]]
    coded: Sequence[Coded] = ()


@dataclass
class Written:
    """What was written: quads and patients, the digest of each graph, and the part that has it."""

    quads: int = 0
    patients: int = 0
    digests: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)


def write(
    folder: Path, records: Iterable[PatientRecord], choice: Choice | None = None, part: int = _QUADS_OF_PART
) -> Written:
    """Write the graph of `records` into an empty folder: the same records give the same bytes.

    `part` is the number of quads at which the next file begins.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done, pairs, concepts = Written(), Cooccurrence(), dict[tuple[str, str], Concept]()
    waiting: list[tuple[NamedNode, list[Quad]]] = []
    for record in records:
        quads, edges = patient_quads(record.patient, record.notes, record.coded, choice)
        pairs.add(edges)
        _keep(concepts, record, edges)
        waiting.append((words.graph_of(record.patient), quads))
        done.patients += bool(record.patient)
        if sum(len(one) for _, one in waiting) >= part:
            _write_part(folder, waiting, done)
            waiting = []
    if waiting:
        _write_part(folder, waiting, done)
    shared = [(words.CONCEPTS, list(concept_quads(concepts[key] for key in sorted(concepts))))]
    shared.append((words.DERIVED, list(pairs.quads())))
    _write_part(folder, [one for one in shared if one[1]], done)
    described = {"graphs": done.digests, "parts": done.parts}
    storage.write_bytes(str(folder / GRAPHS), json.dumps(described, indent=0, sort_keys=True).encode())
    return done


def _keep(concepts: dict[tuple[str, str], Concept], record: PatientRecord, edges: Iterable[Edge]) -> None:
    """Keep every concept that the graph names, with the same display whichever record comes first."""
    named = [edge.concept for edge in edges] + [one.concept for one in record.coded]
    named += [
        concept
        for _, entities in record.notes
        for entity in entities
        for one in (entity, *entity.attributes)
        for concept in one.concepts[:1]
    ]
    for concept in named:
        key = (concept.system, concept.code)
        known = concepts.get(key)
        if known is None or (not known.display, known.display) > (not concept.display, concept.display):
            concepts[key] = concept


def _write_part(folder: Path, graphs: Sequence[tuple[NamedNode, list[Quad]]], done: Written) -> None:
    if not graphs:
        return
    name = f"part-{len(set(done.parts.values())):05d}.nq.gz"
    with (
        storage.replacing(folder / name) as partial,
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as file,
    ):
        for graph, quads in graphs:
            if graph.value in done.digests:
                raise ValueError(f"the graph {graph.value} comes twice: give all of a patient as one record")
            lines = "".join(f"{line} .\n" for line in sorted(map(str, quads))).encode()
            file.write(lines)
            done.quads += len(quads)
            done.digests[graph.value] = hashlib.sha256(lines).hexdigest()
            done.parts[graph.value] = name


def read_graphs(folder: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the digest and the part of each graph of a folder or s3:// prefix that `write` made."""
    found = json.loads(storage.read_bytes(storage.join(folder, GRAPHS)))
    return dict(found["graphs"]), dict(found["parts"])


def lines_of(folder: str, graphs: Iterable[str]) -> Iterator[bytes]:
    """Yield the lines of some graphs of a folder that `write` made, part by part."""
    wanted = set(graphs)
    _, parts = read_graphs(folder)
    ends = {f"<{graph}> .\n".encode() for graph in wanted}
    for part in sorted({parts[graph] for graph in wanted}):
        with storage.open_read(storage.join(folder, part)) as raw, gzip.GzipFile(fileobj=raw) as file:
            for line in file:
                if b"<" + line.rpartition(b" <")[2] in ends:
                    yield line
