"""Make the notes of a lake from its resources: one for each attachment that has text."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from brume.lake import ingestion
from brume.lake.lake import Part, Snapshot
from brume.records.model.attachments import CARRIERS, AttachmentError, attachments
from brume.records.model.deidentify import Deidentifier
from brume.records.model.lake import Lake
from brume.records.model.notes.data import Sources
from brume.records.model.notes.description import describe
from brume.records.model.notes.hiding import Hiding
from brume.records.model.notes.text import text_of
from brume.records.model.resources import Resource, Resources
from brume.records.model.tables import INGESTED, TABLES
from brume.run import progress

STAGE = "notes"
_BATCH = 512  # resources whose notes are made at once
Row = dict[str, Any]


@dataclass
class Summary:
    """What was made: numbers of notes, of patients who have any, and of rows of `note_rejects`."""

    notes: int = 0
    patients: int = 0
    rejects: int = 0


@dataclass
class _Making:
    """One attempt against one state of the lake."""

    resources: Resources
    statuses: Collection[str]
    total: int
    hiding: Hiding | None
    patients: set[str] = field(default_factory=set)
    summary: Summary = field(default_factory=Summary)
    rejects: list[Row] = field(default_factory=list)

    def reject(self, resource: Resource, number: int, reason: str, remedy: str) -> None:
        """Note that of an attachment no note can be made, or what its note misses."""
        where = {"file": resource.file, "line": resource.line}
        identity = f"{resource.reference}/{number}"
        self.rejects.append({"id": identity, "reason": reason, "remedy": remedy, **where})


def make(lake: Lake, statuses: Collection[str] = (), deidentifier: Deidentifier | None = None) -> Summary:
    """Replace the notes of a lake by those of its resources, and return what was done.

    `statuses` are those of the resources to take, all without any; with a `deidentifier` notes have no
    personal data. Raises `LakeError` for a lake that
    cannot be read.
    """

    def attempt(snapshot: Snapshot) -> Summary:
        return _make(lake, snapshot, statuses, deidentifier)

    return ingestion.until_committed(lake, attempt, STAGE)


def _make(
    lake: Lake, snapshot: Snapshot, statuses: Collection[str], deidentifier: Deidentifier | None
) -> Summary:
    written: list[Part] = []
    derived = ("notes", "note_rejects")
    try:
        with Resources(lake, snapshot) as resources:
            counts = resources.counts()
            hiding = Hiding(deidentifier, resources) if deidentifier else None
            making = _Making(resources, statuses, sum(counts.get(name, 0) for name in CARRIERS), hiding)
            schema = TABLES["notes"].schema
            rows = pa.RecordBatchReader.from_batches(schema, _batches(making, schema))
            written.append(lake.write("notes", rows))
            rejected = pa.Table.from_pylist(making.rejects, schema=TABLES["note_rejects"].schema)
            written.append(lake.write("note_rejects", rejected))
        lake.commit_over_others(
            snapshot,
            [*(table.name for table in INGESTED), *derived],
            add=written,
            remove=[part for name in derived for part in snapshot.parts(name)],
        )
    except BaseException:
        lake.discard(written)
        raise
    making.summary.patients = len(making.patients - {""})
    making.summary.rejects = len(making.rejects)
    return making.summary


def _batches(making: _Making, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    done = 0
    for carriers in _some(making.resources.of(*CARRIERS)):
        sources = Sources(making.resources, carriers)
        rows = [row for resource in carriers for row in _notes(making, resource, sources)]
        yield pa.RecordBatch.from_pylist(rows, schema=schema)
        done += len(carriers)
        progress.report(STAGE, done, making.total, "resources")


def _some(resources: Iterable[Resource]) -> Iterator[list[Resource]]:
    waiting = iter(resources)
    while some := list(itertools.islice(waiting, _BATCH)):
        yield some


def _notes(making: _Making, resource: Resource, sources: Sources) -> Iterator[Row]:
    """Yield the rows of a resource's notes; what cannot be used is added to the rejects."""
    if making.statuses and resource.value.get("status") not in making.statuses:
        return
    about = describe(resource, making.resources)
    given = attachments(resource.type, resource.value)
    if not given and resource.type == "DocumentReference":
        making.reject(resource, 0, "it has no content", "export its content too")
    for number, attachment in enumerate(given):
        try:
            if not isinstance(attachment, dict):
                raise AttachmentError("it is no object", "export the resource again")
            data, kind = sources.data_of(attachment, resource)
            text = text_of(data, kind)
            if not text.strip():
                raise AttachmentError("it has no text", "")
        except AttachmentError as error:
            making.reject(resource, number, str(error), error.remedy)
            continue
        making.summary.notes += 1
        making.patients.add(about["patient"])
        if not about["patient"]:
            reason = "it names no patient that is known: its note is kept, for nobody but stewards"
            making.reject(resource, number, reason, "export the Patient, or mend the reference")
        title, created = attachment.get("title"), attachment.get("creation")
        row = {
            **about,
            "id": f"{resource.reference}/{number}",
            "text": text,
            "title": title if isinstance(title, str) and title else about["title"],
            "date": about["date"] or (created if isinstance(created, str) else ""),
            "content_type": kind,
            "file": resource.file,
            "line": resource.line,
        }
        yield making.hiding.row(row) if making.hiding else row
