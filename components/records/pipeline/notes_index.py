"""Brings an index of Kendra, or of what answers for it, to the notes of a lake: only what changed moves.

The service lists no documents, so the lake keeps what each index was given (the table `indexed`): a note is
entered without a digest before it is put, and with it once the service has indexed it. A run that was cut
short does again what it had not entered.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pyarrow as pa

from brume.aws.client import client
from brume.aws.waiting import wait_until
from brume.lake import ingestion
from brume.lake.lake import Snapshot
from brume.records.model.lake import Lake
from brume.records.model.notes.stored import notes_by_id, read_notes
from brume.records.model.search.lake_terms import read_lake_terms
from brume.records.model.search.terms import TermFinder
from brume.records.model.tables import TABLES
from brume.records.pipeline.documents import FIELDS, digest_of, document
from brume.run import progress

STAGE = "index"
_TABLE = "indexed"
_AT_ONCE = 10  # documents of one request, as in Kendra
_PIECE = 1000  # notes between two entries into the lake
_ROLE = "arn:aws:iam::000000000000:role/none"  # which our engine does not use; an index of AWS's is there
_DONE, _FAILED = ("INDEXED", "UPDATED"), ("FAILED", "UPDATE_FAILED")
_T = TypeVar("_T")


class NotesIndexError(RuntimeError):
    """An index that cannot be used; the message says why."""


@dataclass(frozen=True)
class Brought:
    """What was done: the id of the index, notes that it has, and numbers put, deleted and not taken."""

    index: str
    notes: int
    put: int
    deleted: int
    failed: int


def bring(lake: Lake, name: str) -> Brought:
    """Bring the index called `name`, which is made if it is not there, to the notes of a lake.

    A note that the service does not take is entered with the reason, and tried again by the next run.
    Raises `NotesIndexError` and botocore's errors.
    """
    kendra = client("kendra")
    index = _ready(kendra, name)
    snapshot = lake.snapshot()
    finder = TermFinder(read_lake_terms(lake, snapshot))
    known = _known(lake, snapshot, index)
    digests = {note.id: digest_of(note, finder.concepts(note.text)) for note in read_notes(lake, snapshot)}
    wanted = [note for note, digest in digests.items() if known.get(note) != digest]
    gone = sorted(known.keys() - digests.keys())
    _delete(kendra, lake, index, gone)
    failed, done = 0, 0
    for piece in _batches(wanted, _PIECE):
        _enter(lake, index, dict.fromkeys(piece, ("", "")))
        failures = _put(kendra, lake, snapshot, index, piece)
        _enter(lake, index, {note: ("", failures[note]) if note in failures else (digests[note], "")
                             for note in piece})  # fmt: skip
        failed += len(failures)
        done += len(piece)
        progress.report(STAGE, done, len(wanted), "notes")
    return Brought(index, len(digests) - failed, len(wanted) - failed, len(gone), failed)


def _ready(kendra: Any, name: str) -> str:
    """Return the id of the ACTIVE index of a name, with the attributes that notes have."""
    found = [
        one["Id"]
        for one in _indexes(kendra)
        if one["Name"] == name and one["Status"] not in ("DELETING", "FAILED")
    ]
    if len(found) > 1:
        raise NotesIndexError(f"{len(found)} indexes are called {name}: delete or rename those not meant")
    index = found[0] if found else kendra.create_index(Name=name, RoleArn=_ROLE)["Id"]
    about = wait_until(
        lambda: kendra.describe_index(Id=index), lambda one: one["Status"] not in ("CREATING", "UPDATING")
    )
    if about["Status"] != "ACTIVE":
        reason = about.get("ErrorMessage") or "the service gives no reason"
        raise NotesIndexError(f"the index {name} ({index}) is {about['Status']}: {reason}")
    types = {one["Name"]: one["Type"] for one in about["DocumentMetadataConfigurations"]}
    for field in FIELDS:
        if types.get(field["Name"], field["Type"]) != field["Type"]:
            raise NotesIndexError(
                f"the index {name} has an attribute {field['Name']} of type {types[field['Name']]}, notes "
                f"have one of {field['Type']}: name another index"
            )
    missing = [field for field in FIELDS if field["Name"] not in types]
    if missing:
        kendra.update_index(Id=index, DocumentMetadataConfigurationUpdates=missing)
    return str(index)


def _indexes(kendra: Any) -> Iterator[dict[str, Any]]:
    """Iterate the summaries of all indexes; boto3 has no paginator for them."""
    token: dict[str, str] = {}
    while True:
        answer = kendra.list_indices(**token)
        yield from answer["IndexConfigurationSummaryItems"]
        if not answer.get("NextToken"):
            return
        token = {"NextToken": answer["NextToken"]}


def _known(lake: Lake, snapshot: Snapshot, index: str) -> dict[str, str]:
    """Return the digest of each note that an index was given."""
    rows = lake.table(_TABLE, snapshot).to_pylist()
    return {row["note"]: row["digest"] for row in rows if row["index"] == index}


def _enter(lake: Lake, index: str, changes: Mapping[str, tuple[str, str] | None]) -> None:
    """Write digest and failure of notes into the table; None takes a note out."""
    schema = TABLES[_TABLE].schema

    def attempt(snapshot: Snapshot) -> None:
        mine = [part for part in snapshot.parts(_TABLE) if part.partition == (index,)]
        rows = {row["note"]: row for row in lake.table(_TABLE, snapshot).to_pylist() if row["index"] == index}
        for note, entry in changes.items():
            rows.pop(note, None)
            if entry is not None:
                rows[note] = {"index": index, "note": note, "digest": entry[0], "failure": entry[1]}
        part = lake.write(
            _TABLE, pa.Table.from_pylist([rows[note] for note in sorted(rows)], schema), (index,)
        )
        try:
            lake.commit_over_others(snapshot, [_TABLE], add=[part], remove=mine)
        except BaseException:
            lake.discard([part])
            raise

    ingestion.until_committed(lake, attempt, STAGE)


def _delete(kendra: Any, lake: Lake, index: str, gone: Sequence[str]) -> None:
    for piece in _batches(gone, _PIECE):
        for some in _batches(piece, _AT_ONCE):
            kendra.batch_delete_document(IndexId=index, DocumentIdList=list(some))
        _settled(kendra, index, piece, lambda status: status == "NOT_FOUND")
        _enter(lake, index, dict.fromkeys(piece))


def _put(kendra: Any, lake: Lake, snapshot: Snapshot, index: str, piece: Sequence[str]) -> dict[str, str]:
    """Put notes and wait until they are indexed; returns why some were not taken."""
    failures: dict[str, str] = {}
    for some in _batches(notes_by_id(lake, piece, snapshot), _AT_ONCE):
        answer = kendra.batch_put_document(IndexId=index, Documents=[document(note) for note in some])
        for one in answer["FailedDocuments"]:
            failures[one["Id"]] = one.get("ErrorMessage") or one.get("ErrorCode") or "it gave no reason"
    waiting = [note for note in piece if note not in failures]
    return failures | _settled(kendra, index, waiting, lambda status: status in _DONE)


def _settled(kendra: Any, index: str, notes: Sequence[str], done: Callable[[str], bool]) -> dict[str, str]:
    """Wait until the service is done with notes; returns the reasons of those that failed."""
    failures: dict[str, str] = {}

    def states(some: Sequence[str]) -> list[dict[str, str]]:
        asked = [{"DocumentId": note} for note in some]
        answer = kendra.batch_get_document_status(IndexId=index, DocumentInfoList=asked)
        return list(answer["DocumentStatusList"])

    def settled(found: Sequence[Mapping[str, str]]) -> bool:
        return all(done(one["DocumentStatus"]) or one["DocumentStatus"] in _FAILED for one in found)

    for some in _batches(notes, _AT_ONCE):  # while some are waited for, others are done too
        for one in wait_until(functools.partial(states, some), settled):
            if one["DocumentStatus"] in _FAILED:
                failures[one["DocumentId"]] = one.get("FailureReason") or one["DocumentStatus"]
    return failures


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    waiting = iter(items)
    while some := list(itertools.islice(waiting, size)):
        yield some
