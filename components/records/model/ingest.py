"""Ingest an export of FHIR resources: read what is new or changed, take back what is gone.

A source is a folder or s3:// prefix of NDJSON files, in any folders below it. Files that the urls of
attachments name are taken into the lake too. Nothing is committed but at the end (`brume.lake.ingestion`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from brume import storage
from brume.lake import ingestion
from brume.lake.ingestion import Partition, Result, Row
from brume.lake.lake import Part, Snapshot
from brume.records.model.lake import Lake
from brume.records.model.reading.files import ATTACHMENT, RESOURCES, Task, read_files
from brume.records.model.reading.stream import holds_resources
from brume.records.model.reading.urls import file_of
from brume.records.model.tables import INGESTED, TABLES
from brume.run import progress
from brume.run.pool import share_out

STAGE = "ingest"
_CHUNK_BYTES = 16 << 20
_CHUNK_FILES = 1000
_WHOLE = ("files", "links")  # tables that are written anew
_BASE = [table.name for table in INGESTED if table.name not in _WHOLE]


class IngestError(RuntimeError):
    """A source that cannot be ingested; nothing of the lake was changed."""


@dataclass
class Summary:
    """What a run did: numbers of files, and of resources, repairs and rejects now in the lake."""

    snapshot: int  # the state of the lake that it left
    files: int = 0  # of the source that hold resources or attachments
    read: int = 0
    unchanged: int = 0
    removed: int = 0  # files whose rows were taken back because they are gone
    resources: int = 0
    repaired: int = 0
    rejects: int = 0
    seconds: float = 0.0


@dataclass
class _Run:
    """One attempt against one state of the lake."""

    source: str
    lake: Lake
    processes: int | None
    snapshot: Snapshot
    known: Mapping[str, Row]
    listed: Mapping[str, storage.Entry]
    wanted: dict[str, Task] = field(default_factory=dict)
    result: Result = field(default_factory=Result)
    written: list[Part] = field(default_factory=list)

    def want(self, names: Iterable[str], kind: str) -> list[Task]:
        """Add files of the source to those that are wanted, and return their tasks."""
        tasks = []
        for name in names:
            entry = self.listed[name]
            tasks.append(Task(name, entry.uri, entry.size, entry.version, kind, self.known.get(name)))
        self.wanted |= {task.file: task for task in tasks}
        return tasks

    def rows(self) -> list[Row]:
        """Return the rows of the table `files` of what was read or stands, so far."""
        return ingestion.files_after(self.known, self.wanted, self.result, _partitions)[0]


def run(source: str, lake: Lake, *, max_rejected: float = 1.0, processes: int | None = None) -> Summary:
    """Bring the lake to what `source` (a folder, local or s3://) holds now, and return what was done.

    `max_rejected` is the share of lines that may be set aside; `processes` the number of processes that read,
    one for each core without it. Raises `FileNotFoundError` when the source holds no file, and `IngestError`
    when it holds none of resources, or more than may be are set aside: the lake is then as it was.
    """
    started = time.monotonic()

    def attempt(snapshot: Snapshot) -> Summary:
        known = {row["file"]: row for row in lake.table("files", snapshot).to_pylist()}
        work = _Run(source, lake, processes, snapshot, known, _listed(source, lake))
        return _carry_out(work, max_rejected)

    summary = ingestion.until_committed(lake, attempt, STAGE)
    summary.seconds = round(time.monotonic() - started, 3)
    return summary


def _listed(source: str, lake: Lake) -> dict[str, storage.Entry]:
    """Return the files of a source by their name below it, without those of a lake that lies in it."""
    base = storage.absolute(source).rstrip("/")
    entries = storage.list_files(base)
    if not entries:
        raise FileNotFoundError(
            f"{source} is a file: give the folder that it lies in"
            if not storage.is_remote(base) and Path(base).is_file()
            else f"{source} holds no file: give the folder of an export"
        )
    return {
        _readable(entry.uri[len(base) + 1 :]): entry
        for entry in entries
        if not entry.uri.startswith(f"{lake.uri}/")
    }


def _readable(name: str) -> str:
    """Return a file's name as text: bytes that are no UTF-8 are spelt out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _carry_out(run: _Run, max_rejected: float) -> Summary:
    try:
        names = [name for name in run.listed if holds_resources(name)]
        if not names:
            raise IngestError(
                f"{run.source} holds no file of resources (*.ndjson, *.jsonl, *.json, also with .gz): "
                "check the address"
            )
        _read(run, run.want(names, RESOURCES))
        links = _links(run)
        _read(run, run.want(sorted({row["attachment"] for row in links}), ATTACHMENT))
        files, gone = ingestion.files_after(run.known, run.wanted, run.result, _partitions)
        _check(run.source, files, max_rejected)
        state = run.snapshot
        if run.result.files or run.result.unchanged or len(files) != len(run.known):
            state = _commit(run, files, links, gone)
    except BaseException:
        run.lake.discard(run.written)
        raise
    return Summary(
        state.number,
        files=len(run.wanted),
        read=len(run.result.files),
        unchanged=len(run.wanted) - len(run.result.files) - len(run.result.lost),
        removed=len(run.known.keys() - {row["file"] for row in files}),
        **{name: sum(row[name] for row in files) for name in ("resources", "repaired", "rejects")},
    )


def _read(run: _Run, tasks: Sequence[Task]) -> None:
    changed = [task for task in tasks if task.changed]
    size = sum(task.size for task in changed)
    done = 0
    pieces = [(run.lake, piece) for piece in _pieces(changed)]
    for result in share_out(read_files, pieces, size, run.processes):
        run.written += result.parts
        run.result.add(result)
        done += len(result.files) + len(result.unchanged) + len(result.lost)
        progress.report(STAGE, done, len(changed), "files")


def _pieces(tasks: Sequence[Task]) -> list[list[Task]]:
    """Return files in pieces of bounded size, the longest first: no process works alone at the end."""
    pieces: list[list[Task]] = []
    size = 0
    for task in tasks:
        if not pieces or size + task.size > _CHUNK_BYTES or len(pieces[-1]) >= _CHUNK_FILES:
            pieces.append([])
            size = 0
        pieces[-1].append(task)
        size += task.size
    return sorted(pieces, key=lambda piece: -sum(task.size for task in piece))


def _links(run: _Run) -> list[Row]:
    """Return the rows of `links`: urls of attachments that name a file of the source."""
    return [
        {"url": url, "attachment": name, "file": row["file"]}
        for row in sorted(run.rows(), key=lambda row: str(row["file"]))
        for url in row["urls"]
        if (name := file_of(url, row["file"], run.listed, run.source)) and not holds_resources(name)
    ]


def _partitions(row: Row) -> list[Partition]:
    """Return the partitions that hold rows of a file: those of its resources, and tables without any."""
    return [(), *((name,) for name in row["types"])]


def _check(source: str, files: Sequence[Row], max_rejected: float) -> None:
    rejects = sum(row["rejects"] for row in files)
    total = rejects + sum(row["resources"] for row in files)
    if total and rejects / total <= max_rejected:
        return
    worst = sorted(files, key=lambda row: (-row["rejects"], row["file"]))[:5]
    shown = ", ".join(f"{row['file']} ({row['rejects']})" for row in worst if row["rejects"])
    raise IngestError(
        f"{rejects} of {total} lines of {source} are no resource, more than max_rejected={max_rejected} "
        "allows"
        f"{': ' + shown if shown else ''}. Export them again, take the files out, or raise max_rejected"
    )


def _commit(
    run: _Run, files: Sequence[Row], links: Sequence[Row], gone: Mapping[Partition, set[str]]
) -> Snapshot:
    """Take back, merge, and make it all the next state of the lake."""
    before = [part for name in _BASE for part in run.snapshot.parts(name)]
    _, removed = ingestion.rewritten(run.lake, before, run.result.parts, gone, run.written)
    whole = {"files": sorted(files, key=lambda row: str(row["file"]))}
    if run.lake.table("links", run.snapshot).to_pylist() != links:
        whole["links"] = list(links)
    for name, rows in whole.items():
        run.written.append(run.lake.write(name, pa.Table.from_pylist(rows, schema=TABLES[name].schema)))
    return ingestion.commit(
        run.lake,
        run.snapshot,
        [table.name for table in INGESTED],
        written=run.written,
        removed=removed,
        replaced=[part for name in whole for part in run.snapshot.parts(name)],
    )
