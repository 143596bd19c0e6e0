"""Tables derived from all files of a source: items, jobs, rejects, keys and drift."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from brume.labels.model.ingest import drift, job_tables
from brume.labels.model.ingest.reading.chunks import files_table
from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES
from brume.lake.lake import Part, Snapshot

WHOLE = ("jobs", "rejects", "keys", "drift", "files")  # tables that every commit writes anew
_DATA = ("sequence", "answers", "manifest", "description", "unreadable")
Row = dict[str, Any]
JobKey = tuple[str, ...]  # modality, job: the partition of all that is written of a job


def touched_jobs(known: Mapping[str, Row], read: Sequence[Row], files: Sequence[Row]) -> set[JobKey]:
    """Return the jobs that a file was read of, or is gone of; a description's by its name too.

    `known` are the files' rows before, `read` those that were read, `files` all of them after.
    """
    left = {row["file"] for row in files}
    changed = [
        *read,
        *(known[row["file"]] for row in read if row["file"] in known),
        *(row for name, row in known.items() if name not in left),
    ]
    named = {row["job"].casefold() for row in changed if row["kind"] == "description"}
    return {(row["modality"], row["job"]) for row in changed} | {
        (row["modality"], row["job"]) for row in files if row["job"].casefold() in named
    }


def tables_of(
    lake: Lake,
    snapshot: Snapshot,
    files: Sequence[Row],
    manifests: Sequence[Part],
    touched: Set[JobKey],
    reported: Mapping[str, Row],
    rejects: Sequence[Row],
) -> list[tuple[str, tuple[str, ...], pa.Table]]:
    """Return (table, partition, rows) of all that follows from the files.

    `snapshot` is the state before, `files` are the rows of the table `files` after, `manifests` the parts of
    `output_manifest` then, `touched` the jobs to derive anew, `reported` SageMaker's descriptions of jobs by
    name, and `rejects` are all rows of that table.
    """
    found: list[tuple[str, tuple[str, ...], pa.Table]] = []
    by_job: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    described: dict[str, list[Row]] = defaultdict(list)
    for row in files:
        if row["kind"] == "description":
            described[row["job"].casefold()].append(row)
        if row["kind"] in _DATA:
            by_job[row["modality"], row["facts"]["batch"], row["facts"]["level"], row["job"]].append(row)
    in_tree = {key[3].casefold() for key in by_job if key[0]}
    made: list[Row] = []
    items_by_partition: dict[JobKey, list[Row]] = defaultdict(list)
    for key, rows in sorted(by_job.items()):
        modality, _, _, name = key
        if (modality, name) not in touched or not name:
            continue
        if not modality and name.casefold() in in_tree:
            continue  # a description that lies beside its job
        job = dict(zip(("modality", "batch", "level", "job"), key, strict=True))
        lines = [
            row
            for part in manifests
            if part.partition == (modality, name)
            for row in _manifest_rows(lake, part, job)
        ]
        description, where = job_tables.newest_description(described[name.casefold()])
        if name in reported:
            description, where = reported[name], None
        items = job_tables.items_of(job, lines, rows, description)
        made.append(job_tables.job_of(job, items, rows, description, where))
        items_by_partition[modality, name] += items
    found += [("items", key, job_tables.items_table(items)) for key, items in items_by_partition.items()]
    kept = [
        row
        for row in lake.table("jobs", snapshot).to_pylist()
        if (row["modality"], row["job"]) not in touched
    ]
    keys = drift.keys_of(files)
    before = lake.table("keys", snapshot).to_pylist()
    changes = drift.drift_of(keys, files, before, lake.table("drift", snapshot).to_pylist())
    found.append(("jobs", (), _table("jobs", sorted([*kept, *made], key=_order))))
    found.append(("keys", (), _table("keys", keys)))
    found.append(("drift", (), _table("drift", changes)))
    found.append(("rejects", (), _table("rejects", rejects)))
    found.append(("files", (), files_table(sorted(files, key=lambda row: str(row["file"])))))
    return found


def rejects_after(
    lake: Lake, snapshot: Snapshot, files: Sequence[Row], read: Collection[str], new: Sequence[Row]
) -> list[Row]:
    """Return the rows of `rejects`: the new ones, and those of files that are left and were not read anew."""
    left = {row["file"] for row in files} - set(read)
    kept = [row for row in lake.table("rejects", snapshot).to_pylist() if row["file"] in left]
    return sorted([*kept, *new], key=lambda row: (row["file"], row["line"] or 0, row["field"]))


def _order(row: Row) -> tuple[Any, ...]:
    return row["modality"], *(drift.natural(row[name]) for name in ("batch", "level", "job"))


def _manifest_rows(lake: Lake, part: Part, job: Mapping[str, str]) -> list[Row]:
    columns = [*job_tables.MANIFEST_COLUMNS, "batch", "level"]
    table = pq.read_table(lake.fetch(part), columns=columns, partitioning=None)
    return [row for row in table.to_pylist() if (row["batch"], row["level"]) == (job["batch"], job["level"])]


def _table(name: str, rows: Sequence[Row]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=TABLES[name].schema)
