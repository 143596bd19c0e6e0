"""Read some files of one job and write their rows to the lake, in one process."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from brume import storage
from brume.labels.model.ingest.layout import Place
from brume.labels.model.ingest.reading.files import Context, Read, context_of, recognise, tables
from brume.labels.model.ingest.reading.notes import Notes
from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES
from brume.lake.ingestion import Result

_CONNECTIONS = 8  # files of an object store that a worker fetches at a time


@dataclass(frozen=True)
class Task:
    """A file to read; `known` is its row in the table `files` as it was, None for a new one."""

    file: str
    uri: str
    size: int
    version: str
    place: Place
    known: dict[str, Any] | None = None


def read_chunk(lake: Lake, tasks: Sequence[Task], context: Context, modalities: Sequence[str]) -> Result:
    """Read files of one job with its manifest's `context`; keep only those of `modalities`.

    Raises `OSError` or `brume.storage.StorageError` for a file that is there and cannot be reached.
    """
    result = Result()
    reads = []
    with _without_collector():
        for task, data in _contents(tasks):
            if data is None:
                result.lost.append(task.file)
                continue
            digest = hashlib.sha256(data).hexdigest()
            known = task.known
            same = known and (known["digest"], known["facts"]["context"]) == (digest, context.digest())
            if known and same and not is_misplaced(known, modalities):
                result.unchanged.append({**known, "size": task.size, "version": task.version})
                continue
            read = Read(task.file, task.place, digest)
            recognise(read, data)
            reads.append((task, read))
        by_job: dict[tuple[str, Context], list[tuple[Task, Read]]] = {}
        for task, read in reads:
            own = _context(read, context)
            if modalities and own.modality not in modalities and read.kind not in ("ignored", "description"):
                read.kind, read.notes, read.facts = "ignored", Notes(read.file), {"aside": True}
            by_job.setdefault((read.kind, own), []).append((task, read))
        for (kind, own), some in by_job.items():
            if kind in ("sequence", "answers", "manifest"):
                for table, rows in _tables([read for _, read in some], own).items():
                    result.parts.append(lake.write(table, rows, (own.modality, own.job)))
            for task, read in some:
                result.files.append(_row(task, read, own, context))
                result.rejects += _rejects(read, own)
    return result


def is_misplaced(known: dict[str, Any], modalities: Sequence[str]) -> bool:
    """Return whether a file outside of the layout was kept or set aside against `modalities`."""
    facts, kind = known["facts"], known["kind"]
    if facts["laid_out"] or (kind in ("ignored", "description", "unreadable") and not facts.get("aside")):
        return False
    return bool(facts.get("aside")) == (not modalities or known["modality"] in modalities)


def _contents(tasks: Sequence[Task]) -> Iterator[tuple[Task, bytes | None]]:
    """Iterate the files with their bytes, None for one that has gone since it was listed."""

    def read(task: Task) -> bytes | None:
        try:
            return storage.read_bytes(task.uri)
        except FileNotFoundError:
            return None

    if not storage.is_remote(tasks[0].uri):
        for task in tasks:
            yield task, read(task)
        return
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        yield from zip(tasks, threads.map(read, tasks), strict=True)


def _context(read: Read, context: Context) -> Context:
    """Return the context of a file: its own content gives what its job does not."""
    if read.kind == "manifest":
        return context_of(read)
    if context.modality or read.kind not in ("sequence", "answers"):
        return context
    return replace(context, modality=read.modality or "Unknown")


def _tables(reads: Sequence[Read], context: Context) -> dict[str, pa.Table]:
    """Return the rows of files; if those of one cannot be made, it is set aside and the others are not."""
    before = [list(read.notes.rejects) for read in reads]
    try:
        return tables(reads, context)
    except Exception as error:  # whatever a file holds, the others are read
        if len(reads) == 1:
            read = reads[0]
            read.kind, read.notes.rows, read.facts = "unreadable", 0, {}
            reason = f"its rows cannot be made: {type(error).__name__}: {error}"
            read.notes.reject("", reason, "report it with this message and the file")
            return {}
    found: dict[str, list[pa.Table]] = {}
    for read, rejects in zip(reads, before, strict=True):
        read.notes, read.facts = Notes(read.file), {}
        read.notes.rejects = rejects
        for name, rows in _tables([read], context).items():
            found.setdefault(name, []).append(rows)
    return {name: pa.concat_tables(parts, promote_options="permissive") for name, parts in found.items()}


def _row(task: Task, read: Read, own: Context, asked: Context | None = None) -> dict[str, Any]:
    facts = {
        "item": read.place.item,
        **read.facts,
        "expected": read.place.kind,
        "laid_out": bool(read.place.job),
        "context": (asked or own).digest(),
        "keys": read.notes.keys.facts(),
        "batch": own.batch,
        "level": own.level,
    }
    # A description that lies elsewhere names its job itself.
    elsewhere = read.kind == "description" and not read.place.job
    job = str(read.facts["LabelingJobName"]) if elsewhere else own.job
    return {
        "file": task.file,
        "kind": read.kind,
        "modality": own.modality,
        "job": job,
        "size": task.size,
        "version": task.version,
        "digest": read.digest,
        "rows": read.notes.rows,
        "rejects": len(read.notes.all_rejects()),
        "read": datetime.now(UTC),
        "facts": facts,
    }


def _rejects(read: Read, context: Context) -> list[dict[str, Any]]:
    return [reject.row(context.modality, context.job) for reject in read.notes.all_rejects()]


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare Python the search for cycles among millions of objects of JSON, which has none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def files_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return rows of the table `files`, their facts as JSON."""
    return pa.Table.from_pylist(
        [{**row, "facts": orjson.dumps(row["facts"]).decode()} for row in rows], schema=TABLES["files"].schema
    )


def files_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table `files` with their facts read."""
    return [{**row, "facts": orjson.loads(row["facts"])} for row in table.to_pylist()]
