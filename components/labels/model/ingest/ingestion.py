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
from typing import Any

from brume.labels.model.ingest import derived_tables, part_rewrites, read_plan
from brume.labels.model.ingest.reading.chunks import Result, Task, files_rows, read_chunk
from brume.labels.model.ingest.reading.files import Context
from brume.labels.model.lake import ConflictError, Lake, Part, Snapshot
from brume.labels.model.schema import INGESTED
from brume.run import progress
from brume.run.pool import share_out

WORST_SHARE = 0.5  # of the files: with more unreadable ones a run fails
STAGE = "ingest"
_BASE = ("annotations_batch_manifests", "output_manifest", "frames", "labels", "answers", "answer_labels")
_ATTEMPTS = 10
_DATA = ("sequence", "answers", "manifest", "description", "unreadable")
_FINAL = ("Completed", "Failed", "Stopped")
Row = dict[str, Any]
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
    for attempt in range(_ATTEMPTS):
        snapshot = lake.snapshot()
        known = {row["file"]: row for row in files_rows(lake.table("files", snapshot))}
        wanted = read_plan.tasks_of(source, known, modalities)
        work = _Run(source, lake, tuple(modalities), processes, describe, snapshot, known, wanted)
        try:
            summary = _carry_out(work)
        except ConflictError:
            if attempt == _ATTEMPTS - 1:
                raise
            progress.report(STAGE, 0, 1, "another run has committed: starting again")
            continue
        summary.seconds = round(time.monotonic() - started, 3)
        return summary
    raise AssertionError("a run ends by returning or raising")


def _carry_out(run: _Run) -> Summary:
    try:
        _read(run)
        files, gone = _files_after(run)
        _check(files, run.source)
        result = run.result
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


def _files_after(run: _Run) -> tuple[list[Row], dict[tuple[str, ...], set[str]]]:
    """Return the rows of `files` after this run, and the files whose earlier rows are to go, by job."""
    read = {row["file"]: row for row in run.result.files}
    unchanged = {row["file"]: row for row in run.result.unchanged}
    lost = set(run.result.lost)
    after = [*read.values(), *unchanged.values()]
    gone: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, row in run.known.items():
        if name in read or name in lost or name not in run.wanted:
            if row["rows"]:
                gone[row["modality"], row["job"]].add(name)
        elif name not in unchanged:
            after.append(row)
    return after, dict(gone)


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
    parts, removed = _rewritten(run, before, gone)
    read = {row["file"] for row in run.result.files}
    rejects = derived_tables.rejects_after(lake, snapshot, files, read, run.result.rejects)
    manifests = [part for part in parts if part.table == "output_manifest"]
    for name, partition, rows in derived_tables.tables_of(
        lake, snapshot, files, manifests, touched, reported, rejects
    ):
        run.written.append(lake.write(name, rows, partition))
    old = [part for name in derived_tables.WHOLE for part in snapshot.parts(name)]
    old += [part for part in snapshot.parts("items") if part.partition in touched]
    after = _commit_over_others(
        lake,
        snapshot,
        add=[part for part in run.written if part not in removed],
        remove=[part for part in before if part in removed] + old,
    )
    lake.discard(removed.difference(before))  # written in this run, and merged at once
    return after


def _rewritten(
    run: _Run, before: Sequence[Part], gone: Mapping[tuple[str, ...], set[str]]
) -> tuple[list[Part], set[Part]]:
    """Return the parts that hold the rows now, after taking back and merging, and those they replace."""
    taken, removed = part_rewrites.take_back(run.lake, before, gone)
    run.written += taken
    parts = [part for part in [*before, *run.result.parts, *taken] if part not in set(removed)]
    merged, small = part_rewrites.merge(run.lake, parts)
    run.written += merged
    out = {*removed, *small}
    return [part for part in [*parts, *merged] if part not in out], out


def _commit_over_others(
    lake: Lake, snapshot: Snapshot, *, add: Sequence[Part], remove: Sequence[Part]
) -> Snapshot:
    """Commit, also over a commit that touched none of the tables that are ingested."""
    names = [table.name for table in INGESTED]
    for _ in range(_ATTEMPTS):
        try:
            return lake.commit(snapshot, add=add, remove=remove)
        except ConflictError:
            now = lake.snapshot()
            if any(set(now.parts(name)) != set(snapshot.parts(name)) for name in names):
                raise
            snapshot = now
    return lake.commit(snapshot, add=add, remove=remove)
