"""Ground Truth's output to the lake: what is new or changed is read, what is gone is taken back.

A file whose size and version are what they were is passed over, one whose content is what it was is not read
again. A run commits once, at its end: a run that is killed leaves the lake as it was. When another run has
committed meanwhile, this one looks again, and does only what that one did not.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components import progress, storage
from components.labels import drift, jobs, upkeep
from components.labels.lake import ConflictError, Lake, Part, Snapshot
from components.labels.layout import place
from components.labels.pool import share_out
from components.labels.reading.chunks import Result, Task, files_rows, files_table, read_chunk
from components.labels.reading.files import Context
from components.labels.schema import INGESTED, TABLES

WORST_SHARE = 0.5  # of the files: with more unreadable ones a run fails
STAGE = "ingest"
_BASE = ("annotations_batch_manifests", "output_manifest", "frames", "labels", "answers", "answer_labels")
_CHUNK_BYTES = 8 << 20
_CHUNK_FILES = 4_000
_ATTEMPTS = 10
_DATA = ("sequence", "answers", "manifest", "description", "unreadable")
Row = dict[str, Any]
JobKey = tuple[str, str]  # modality, job: the partition of all that is written of a job


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
class _Plan:
    """What a run has to do against one state of the lake."""

    snapshot: Snapshot
    known: dict[str, Row]
    wanted: dict[str, Task]
    result: Result = field(default_factory=Result)


def run(source: str, lake: Lake, modalities: Sequence[str] = (), *, processes: int | None = None) -> Summary:
    """Bring the lake to what `source` (a folder, local or s3://) holds now, and return what was done.

    With `modalities` only files of these are kept; rows of others are taken back. `processes` is the number
    of processes that read; one for each core without it.

    Raises `FileNotFoundError` when the source holds no file, and `IngestError` when more than half of its
    files cannot be read, or none is of Ground Truth: the lake is then as it was.
    """
    started = time.monotonic()
    for attempt in range(_ATTEMPTS):
        plan = _plan(source, lake, modalities)
        try:
            summary = _carry_out(plan, source, lake, modalities, processes)
        except ConflictError:
            if attempt == _ATTEMPTS - 1:
                raise
            progress.report(STAGE, 0, 1, "another run has committed: looking again")
            continue
        summary.seconds = round(time.monotonic() - started, 3)
        return summary
    raise AssertionError("a run ends by returning or raising")


def _plan(source: str, lake: Lake, modalities: Sequence[str]) -> _Plan:
    base = storage.absolute(source).rstrip("/")
    entries = storage.list_files(base)
    if not entries:
        raise FileNotFoundError(
            f"{source} holds no file: give the folder that Ground Truth writes to (batch_manifests)"
        )
    snapshot = lake.snapshot()
    known = {row["file"]: row for row in files_rows(lake.table("files", snapshot))}
    wanted = {}
    for entry in entries:
        where = place(entry.uri)
        name = _readable(entry.uri[len(base) + 1 :])
        if where.kind == "ignored" or (modalities and where.modality and where.modality not in modalities):
            continue
        wanted[name] = Task(name, entry.uri, entry.size, entry.version, where, known.get(name))
    return _Plan(snapshot, known, _numbered(wanted))


def _readable(name: str) -> str:
    """Return a file's name as text: bytes that are no UTF-8 are spelt out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _numbered(tasks: dict[str, Task]) -> dict[str, Task]:
    """Number the data objects of files whose place does not: by their order in their folder."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for name, task in tasks.items():
        if task.place.kind == "" and task.place.item is None and not task.place.job:
            by_folder[task.place.folder].append(name)
    for names in by_folder.values():
        ordered = sorted(names, key=lambda name: ("SeqLabel" not in name, drift.natural(name)))
        for number, name in enumerate(ordered):
            task = tasks[name]
            tasks[name] = replace(task, place=replace(task.place, item=number))
    return tasks


def _carry_out(
    plan: _Plan, source: str, lake: Lake, modalities: Sequence[str], processes: int | None
) -> Summary:
    written: list[Part] = []
    try:
        _read(plan, lake, modalities, processes, written)
        files, gone = _files_after(plan)
        _check(files, source)
        summary = Summary(
            source,
            plan.snapshot.number,
            files=len(plan.wanted),
            read=len(plan.result.files),
            unchanged=len(plan.wanted) - len(plan.result.files) - len(plan.result.lost),
            removed=len(plan.known.keys() - {row["file"] for row in files}),
            unreadable=sum(row["kind"] == "unreadable" for row in files),
        )
        state = plan.snapshot
        if plan.result.files or plan.result.unchanged or gone or plan.known.keys() - plan.wanted.keys():
            state = _commit(plan, lake, files, gone, written)
        summary.snapshot = state.number
        summary.rows = {table.name: sum(part.rows for part in state.parts(table.name)) for table in INGESTED}
        summary.rejects = summary.rows["rejects"]
    except BaseException:
        lake.discard(written)
        raise
    return summary


def _read(
    plan: _Plan, lake: Lake, modalities: Sequence[str], processes: int | None, written: list[Part]
) -> None:
    """Read what is new or changed: manifests first, as they say what jobs the other files are of."""
    manifests = [task for task in plan.wanted.values() if task.place.kind == "manifest"]
    others = [task for task in plan.wanted.values() if task.place.kind != "manifest"]
    _read_tasks(plan, [(task, _context(task)) for task in manifests], lake, modalities, processes, written)
    found = {row["file"]: row for row in plan.result.files}
    by_folder: dict[str, list[Row]] = defaultdict(list)
    for task in manifests:
        row = found.get(task.file) or task.known
        if row and row["kind"] == "manifest":
            by_folder[task.place.folder].append(row["facts"])
    contexts = {
        folder: _context_of_folder(some[0], by_folder.get(folder, ()))
        for folder, some in _by_folder(others).items()
    }
    _read_tasks(
        plan, [(task, contexts[task.place.folder]) for task in others], lake, modalities, processes, written
    )


def _by_folder(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    found: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.place.folder].append(task)
    return found


def _context(task: Task) -> Context:
    where = task.place
    return Context(where.modality, where.batch, where.level, where.job)


def _context_of_folder(task: Task, manifests: Sequence[Row]) -> Context:
    """Return what is known of the job of a folder from its place and its manifests' facts."""
    context = _context(task)
    if not context.job:
        named = [facts for facts in manifests if facts["task"].startswith("video")] or list(manifests)
        manifests = named if len({facts["job"] for facts in named}) == 1 else []
        context = replace(context, job=task.place.folder.rpartition("/")[2])
        if manifests:
            context = replace(context, job=manifests[0]["job"], modality=manifests[0]["modality"])
    classes: dict[str, str] = {}
    for facts in manifests:
        classes = {**facts["classes"], **classes}
    task_type = next((facts["task"] for facts in manifests), "")
    return replace(context, task=task_type, classes=tuple(sorted(classes.items())))


def _changed(task: Task, context: Context, modalities: Sequence[str]) -> bool:
    known = task.known
    if known is None or (known["size"], known["version"]) != (task.size, task.version):
        return True
    if known["facts"]["context"] != context.digest() or known["facts"]["item"] != task.place.item:
        return True
    # Set aside for its modality, which is wanted now.
    aside = known["kind"] == "ignored" and known["modality"] and not task.place.modality
    return bool(aside) and (not modalities or known["modality"] in modalities)


def _read_tasks(
    plan: _Plan,
    tasks: Sequence[tuple[Task, Context]],
    lake: Lake,
    modalities: Sequence[str],
    processes: int | None,
    written: list[Part],
) -> None:
    by_context: dict[tuple[str, Context], list[Task]] = defaultdict(list)
    for task, context in tasks:
        if _changed(task, context, modalities):
            by_context[task.place.folder, context].append(task)
    pieces = [
        (lake, chunk, context, tuple(modalities))
        for (_, context), some in by_context.items()
        for chunk in _chunks(some)
    ]
    # The longest first, so that no process works alone at the end.
    pieces.sort(key=lambda piece: -sum(task.size for task in piece[1]))
    total = sum(len(piece[1]) for piece in pieces)
    size = sum(task.size for piece in pieces for task in piece[1])
    done = 0
    for result in share_out(read_chunk, pieces, size, processes):
        written += result.parts
        for name in ("parts", "files", "rejects", "unchanged", "lost"):
            getattr(plan.result, name).extend(getattr(result, name))
        done += len(result.files) + len(result.unchanged) + len(result.lost)
        progress.report(STAGE, done, total, "files")


def _chunks(tasks: Sequence[Task]) -> Iterable[list[Task]]:
    chunk: list[Task] = []
    size = 0
    for task in sorted(tasks, key=lambda task: (task.place.kind, task.place.item or 0, task.file)):
        if chunk and (size + task.size > _CHUNK_BYTES or len(chunk) >= _CHUNK_FILES):
            yield chunk
            chunk, size = [], 0
        chunk.append(task)
        size += task.size
    if chunk:
        yield chunk


def _files_after(plan: _Plan) -> tuple[list[Row], dict[tuple[str, ...], set[str]]]:
    """Return the rows of `files` after this run, and the files whose earlier rows are to go, by job."""
    read = {row["file"]: row for row in plan.result.files}
    unchanged = {row["file"]: row for row in plan.result.unchanged}
    lost = set(plan.result.lost)
    after = [*read.values(), *unchanged.values()]
    gone: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, row in plan.known.items():
        if name in read or name in lost or name not in plan.wanted:
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


def _commit(
    plan: _Plan,
    lake: Lake,
    files: Sequence[Row],
    gone: dict[tuple[str, ...], set[str]],
    written: list[Part],
) -> Snapshot:
    """Take back, merge, derive, and make it all the next state of the lake."""
    snapshot = plan.snapshot
    base = [part for name in _BASE for part in snapshot.parts(name)]
    remove: list[Part] = []
    current = [*base, *plan.result.parts]
    add, out = upkeep.take_back(lake, base, gone)
    written += add
    remove += out
    current = [part for part in [*current, *add] if part not in set(out)]
    add, out = upkeep.merge(lake, current)
    written += add
    remove += out
    current = [part for part in [*current, *add] if part not in set(out)]
    touched = _touched(plan, files)
    tables = _derived(plan, lake, files, current, touched)
    for name, partition, rows in tables:
        part = lake.write(name, rows, partition)
        written.append(part)
    old = [
        part
        for part in snapshot.all_parts
        if part.table in ("jobs", "rejects", "keys", "drift", "files")
        or (part.table == "items" and part.partition in touched)
    ]
    committed = set(snapshot.all_parts)
    dropped = [part for part in remove if part not in committed]  # written in this run and merged at once
    after = _commit_over_others(
        lake,
        snapshot,
        add=[part for part in written if part not in set(remove)],
        remove=[part for part in remove if part in committed] + old,
    )
    lake.discard(dropped)
    return after


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


def _touched(plan: _Plan, files: Sequence[Row]) -> set[JobKey]:
    """Return the jobs that any file was read of, or is gone of; a description's by its name too."""
    left = {row["file"] for row in files}
    changed = [
        *plan.result.files,
        *(plan.known[row["file"]] for row in plan.result.files if row["file"] in plan.known),
        *(row for name, row in plan.known.items() if name not in left),
    ]
    named = {row["job"].casefold() for row in changed if row["kind"] == "description"}
    return {(row["modality"], row["job"]) for row in changed} | {
        (row["modality"], row["job"]) for row in files if row["job"].casefold() in named
    }


def _derived(
    plan: _Plan, lake: Lake, files: Sequence[Row], parts: Sequence[Part], touched: set[JobKey]
) -> list[tuple[str, tuple[str, ...], pa.Table]]:
    """Return (table, partition, rows) of what follows from the files and the base tables."""
    snapshot = plan.snapshot
    found: list[tuple[str, tuple[str, ...], pa.Table]] = []
    by_job: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    described: dict[str, list[Row]] = defaultdict(list)
    for row in files:
        if row["kind"] == "description":
            described[row["job"].casefold()].append(row)
        if row["kind"] in _DATA:
            by_job[row["modality"], row["facts"]["batch"], row["facts"]["level"], row["job"]].append(row)
    names = {key[3].casefold() for key, rows in by_job.items() if any(row["modality"] for row in rows)}
    made: list[Row] = []
    for key, rows in sorted(by_job.items()):
        if (key[0], key[3]) not in touched or not key[3]:
            continue
        if not key[0] and key[3].casefold() in names:
            continue  # a description beside the tree, of a job that is in it
        job = dict(zip(("modality", "batch", "level", "job"), key, strict=True))
        lines = [
            row
            for part in parts
            if part.table == "output_manifest" and part.partition == (key[0], key[3])
            for row in _manifest_rows(lake, part, job)
        ]
        said, where = jobs.newest_description(described[key[3].casefold()])
        items = jobs.items_of(job, lines, rows, said)
        made.append(jobs.job_of(job, items, rows, said, where))
        found.append(("items", (key[0], key[3]), jobs.items_table(items)))
    kept = [
        row
        for row in lake.table("jobs", snapshot).to_pylist()
        if (row["modality"], row["job"]) not in touched
    ]
    ordered = sorted(
        [*kept, *made],
        key=lambda row: (row["modality"], drift.natural(f"{row['batch']} {row['level']} {row['job']}")),
    )
    found.append(("jobs", (), pa.Table.from_pylist(ordered, schema=TABLES["jobs"].schema)))
    found.append(("rejects", (), _rejects(plan, lake, files)))
    keys = drift.keys_of(files)
    before = lake.table("keys", snapshot).to_pylist()
    changes = drift.drift_of(keys, files, before, lake.table("drift", snapshot).to_pylist())
    found.append(("keys", (), pa.Table.from_pylist(keys, schema=TABLES["keys"].schema)))
    found.append(("drift", (), drift.drift_table(changes)))
    found.append(("files", (), files_table(sorted(files, key=lambda row: str(row["file"])))))
    return found


def _manifest_rows(lake: Lake, part: Part, job: dict[str, str]) -> list[Row]:
    table = pq.read_table(
        lake.fetch(part), columns=[*jobs.MANIFEST_COLUMNS, "batch", "level"], partitioning=None
    )
    return [row for row in table.to_pylist() if (row["batch"], row["level"]) == (job["batch"], job["level"])]


def _rejects(plan: _Plan, lake: Lake, files: Sequence[Row]) -> pa.Table:
    read = {row["file"] for row in plan.result.files}
    left = {row["file"] for row in files}
    kept = [
        row
        for row in lake.table("rejects", plan.snapshot).to_pylist()
        if row["file"] in left and row["file"] not in read
    ]
    rows = sorted(
        [*kept, *plan.result.rejects], key=lambda row: (row["file"], row["line"] or 0, row["field"])
    )
    return pa.Table.from_pylist(rows, schema=TABLES["rejects"].schema)
