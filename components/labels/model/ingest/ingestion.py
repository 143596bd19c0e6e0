"""Ingest Ground Truth's output: read what is new or changed, remove what is gone.

A file whose size and version are what they were is passed over, one whose content is what it was is not read
again. A run commits once, at its end: a run that is killed leaves the lake as it was. When another run has
committed meanwhile, this one starts again, and does only what that one did not.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from brume.labels.model.ingest import derived_tables, read_plan
from brume.labels.model.ingest.reading.chunks import Task, files_rows, read_chunk
from brume.labels.model.ingest.reading.files import Context
from brume.labels.model.lake import Lake
from brume.labels.model.schema import INGESTED
from brume.lake import ingestion
from brume.lake.ingestion import Result, Row
from brume.lake.lake import Part, Snapshot
from brume.run import progress
from brume.run.pool import share_out

WORST_SHARE = 0.5  # of the files: with more unreadable ones a run fails
STAGE = "ingest"
_BASE = ("annotations_batch_manifests", "output_manifest", "frames", "labels", "answers", "answer_labels")
_DATA = ("sequence", "answers", "manifest", "description", "unreadable")
_FINAL = ("Completed", "Failed", "Stopped")
Describe = Callable[[list[str]], Mapping[str, Row]]


class IngestError(RuntimeError):
    """A source that cannot be ingested; nothing of the lake was changed."""


@dataclass
class Summary:
    """What a run did: numbers of files, rows now in the lake by table, and how long it took."""

    source: str
    snapshot: int  # the state of the lake that it left
    files: int = 0  # of the source, those included that have nothing to do with labels
    read: int = 0
    unchanged: int = 0
    removed: int = 0  # files whose rows were taken back because they are gone
    unreadable: int = 0  # of all files now in the lake
    rejects: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class _Run:
    """One attempt against one state of the lake: what is known, wanted, found and written."""

    source: str
    lake: Lake
    modalities: tuple[str, ...]
    processes: int | None
    describe: Describe | None
    snapshot: Snapshot
    known: dict[str, Row]
    wanted: dict[str, Task]
    result: Result = field(default_factory=Result)
    written: list[Part] = field(default_factory=list)


def run(
    source: str,
    lake: Lake,
    modalities: Sequence[str] = (),
    *,
    describe: Describe | None = None,
    processes: int | None = None,
) -> Summary:
    """Bring the lake to what `source` (a folder, local or s3://) holds now, and return what was done.

    With `modalities` only files of these are kept; rows of others are taken back. `describe` is called with
    names of jobs and returns what DescribeLabelingJob answers for those that SageMaker knows: it goes before
    such a description in a file of the tree. `processes` is the number of processes that read; one for each
    core without it.

    Raises `FileNotFoundError` when the source holds no file, and `IngestError` when more than half of its
    files cannot be read, or none is of Ground Truth: the lake is then as it was.
    """
    started = time.monotonic()

    def attempt(snapshot: Snapshot) -> Summary:
        known = {row["file"]: row for row in files_rows(lake.table("files", snapshot))}
        wanted = read_plan.tasks_of(source, known, modalities)
        return _carry_out(_Run(source, lake, tuple(modalities), processes, describe, snapshot, known, wanted))

    summary = ingestion.until_committed(lake, attempt, STAGE)
    summary.seconds = round(time.monotonic() - started, 3)
    return summary


def _carry_out(run: _Run) -> Summary:
    try:
        _read(run)
        result = run.result
        files, gone = ingestion.files_after(run.known, run.wanted, result, _partitions)
        _check(files, run.source)
        touched = derived_tables.touched_jobs(run.known, result.files, files)
        reported = _ask(run, touched)
        state = run.snapshot
        if touched or result.unchanged:
            state = _commit(run, files, gone, touched, reported)
    except BaseException:
        run.lake.discard(run.written)
        raise
    rows = {table.name: sum(part.rows for part in state.parts(table.name)) for table in INGESTED}
    return Summary(
        run.source,
        state.number,
        files=len(run.wanted),
        read=len(result.files),
        unchanged=len(run.wanted) - len(result.files) - len(result.lost),
        removed=len(run.known.keys() - {row["file"] for row in files}),
        unreadable=sum(row["kind"] == "unreadable" for row in files),
        rejects=rows["rejects"],
        rows=rows,
    )


def _read(run: _Run) -> None:
    """Read what is new or changed: manifests first, as they say what jobs the other files are of."""
    manifests = [task for task in run.wanted.values() if task.place.kind == "manifest"]
    _read_pieces(run, [(task, read_plan.context_of_place(task)) for task in manifests])
    read = {row["file"]: row for row in run.result.files}
    facts: dict[str, list[Row]] = defaultdict(list)
    for task in manifests:
        row = read.get(task.file) or task.known
        if row and row["kind"] == "manifest":
            facts[task.place.folder].append(row["facts"])
    others = [task for task in run.wanted.values() if task.place.kind != "manifest"]
    _read_pieces(run, read_plan.contexts_of(others, facts))


def _read_pieces(run: _Run, tasks: Sequence[tuple[Task, Context]]) -> None:
    pieces = read_plan.pieces(tasks, run.modalities)
    total = sum(len(files) for files, _ in pieces)
    size = sum(task.size for files, _ in pieces for task in files)
    arguments = [(run.lake, files, context, run.modalities) for files, context in pieces]
    done = 0
    for result in share_out(read_chunk, arguments, size, run.processes):
        run.written += result.parts
        run.result.add(result)
        done += len(result.files) + len(result.unchanged) + len(result.lost)
        progress.report(STAGE, done, total, "files")


def _partitions(row: Row) -> list[tuple[str, ...]]:
    """Return the partitions that hold rows of a file."""
    return [(row["modality"], row["job"])] if row["rows"] else []


def _check(files: Sequence[Row], source: str) -> None:
    data = [row for row in files if row["kind"] in _DATA]
    bad = [row for row in data if row["kind"] == "unreadable"]
    if not data:
        raise IngestError(
            f"{source} holds no file of Ground Truth's output (SeqLabel.json, output.manifest, worker "
            "responses) of the modalities asked for: check the address and the modalities"
        )
    if len(bad) > WORST_SHARE * len(data):
        listed = ", ".join(row["file"] for row in bad[:5])
        raise IngestError(
            f"{len(bad)} of {len(data)} files of {source} cannot be read, more than half: {listed}"
            f"{', ...' if len(bad) > 5 else ''}. Copy them again, or take them out of the folder"
        )


def _ask(run: _Run, touched: set[derived_tables.JobKey]) -> Mapping[str, Row]:
    """Ask SageMaker for jobs that changed or have not ended; `touched` grows by those in another state."""
    if run.describe is None:
        return {}
    before = run.lake.table("jobs", run.snapshot).to_pylist()
    open_jobs = {row["job"] for row in before if row["status"] not in _FINAL}
    reported = run.describe(sorted({job for _, job in touched if job} | open_jobs))
    for row in before:
        now = reported.get(row["job"])
        if now and (now.get("LabelingJobStatus"), now.get("FailureReason")) != (row["status"], row["reason"]):
            touched.add((row["modality"], row["job"]))
    return reported


def _commit(
    run: _Run,
    files: Sequence[Row],
    gone: Mapping[tuple[str, ...], set[str]],
    touched: set[derived_tables.JobKey],
    reported: Mapping[str, Row],
) -> Snapshot:
    """Take back, merge, derive, and make it all the next state of the lake."""
    lake, snapshot = run.lake, run.snapshot
    before = [part for name in _BASE for part in snapshot.parts(name)]
    parts, removed = ingestion.rewritten(lake, before, run.result.parts, gone, run.written)
    read = {row["file"] for row in run.result.files}
    rejects = derived_tables.rejects_after(lake, snapshot, files, read, run.result.rejects)
    manifests = [part for part in parts if part.table == "output_manifest"]
    for name, partition, rows in derived_tables.tables_of(
        lake, snapshot, files, manifests, touched, reported, rejects
    ):
        run.written.append(lake.write(name, rows, partition))
    old = [part for name in derived_tables.WHOLE for part in snapshot.parts(name)]
    old += [part for part in snapshot.parts("items") if part.partition in touched]
    return ingestion.commit(
        lake,
        snapshot,
        [table.name for table in INGESTED],
        written=run.written,
        removed=removed,
        replaced=old,
    )
