"""Write the tables of workers and of worker metrics: answers with their workers' names.

The metrics lie in a folder for each hour of submission. What a folder was made of is noted in its part as a
digest: only the hours whose answers, names or emails changed are written again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from brume.labels.model.field_rejects import FieldReject
from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES
from brume.labels.pipeline import worker_directory
from brume.labels.pipeline.worker_directory import WorkerDirectory
from brume.lake.lake import ConflictError, Part, Snapshot

WORKERS, METRICS, REJECTS = "workers", "worker_metrics_processed_worker_metrics", "rejects"
_VERSION = 1  # counts up when the same answers make other rows
_NOTE = b"brume.made-of"
_WEIGHT = 1_000_000  # labels, or hundreds of characters, of answers that are held in memory at once
_ATTEMPTS = 5  # against other runs that commit meanwhile

_PEOPLE = pa.schema(
    [("worker", pa.string()), ("name", pa.string()), ("email", pa.string()), ("team", pa.string())]
)

_WORKERS_SQL = """
SELECT worker, coalesce(p.name, worker) AS name, coalesce(p.email, '') AS email, coalesce(p.team, '') AS team,
       CASE WHEN p.worker IS NULL THEN 'none' ELSE $source END AS source
FROM (SELECT DISTINCT worker FROM answers) a FULL JOIN people p USING (worker)
ORDER BY worker
"""

# An answer and the values of its partition. An answer that does not say when it was submitted has its own.
_PLACED_SQL = """
CREATE TEMP VIEW placed AS
SELECT *, make_timestamp(epoch_us(submitted)) AS instant,
       coalesce(strftime(instant, '%Y'), 'unknown') AS year,
       coalesce(strftime(instant, '%m'), 'unknown') AS month,
       coalesce(strftime(instant, '%d'), 'unknown') AS date,
       coalesce(strftime(instant, '%H'), 'unknown') AS hour
FROM answers
"""

_HOURS_SQL = """
SELECT year, month, date, hour, count(*), sum(1 + coalesce(labels, 0) + coalesce(strlen(content), 0) // 100),
       md5(string_agg(
           to_json([modality, job, file, f.digest, answer::VARCHAR, accepted::VARCHAR, submitted::VARCHAR,
                    seconds::VARCHAR, worker_id, provider, issuer, sub, name, email]),
           ',' ORDER BY file, answer
       ))
FROM placed
JOIN known USING (worker)
LEFT JOIN (SELECT file, max(digest) AS digest FROM files GROUP BY file) f USING (file)
GROUP BY ALL ORDER BY ALL
"""

_METRICS_SQL = """
SELECT name AS user_name, email, accepted AS acceptancetime, submitted AS submissiontime,
       seconds AS timespentinseconds, worker_id AS workerid, provider AS identityprovidertype, issuer, sub,
       job AS jobname, modality,
       [{'trackingannotations': {'framedata': {'entries': entries}}}] AS answercontent, content, file, answer,
       year, month, date, hour
FROM placed JOIN known USING (worker)
WHERE (year, month, date, hour) IN (SELECT (year, month, date, hour) FROM wanted)
"""


@dataclass(frozen=True)
class Summary:
    """What a join did.

    `workers` are all in the table, of whom `unknown` answered and are shown by their sub. `hours` counts the
    partitions of the metrics; `written` of them are new or changed, and `removed` more are gone.
    """

    workers: int
    unknown: int
    without_email: int
    answers: int
    hours: int
    written: int
    removed: int
    rejects: Sequence[FieldReject]


@dataclass(frozen=True)
class _Hour:
    partition: tuple[str, ...]
    answers: int
    weight: int
    made_of: str


def join(lake: Lake, workers: str, *, mask: bool = False) -> Summary:
    """Write the tables `workers` and worker metrics, the latter in the hours that changed.

    `workers` is the id of a Cognito user pool, a CSV file, or "" where nobody is known: an unknown worker's
    sub stands in the place of the name, and the email is empty; `mask` makes that so for everybody. Raises
    `DirectoryError`, and `ConflictError` when other runs keep committing to the lake meanwhile.
    """
    known = worker_directory.read(workers).masked() if mask else worker_directory.read(workers)
    for attempt in range(1, _ATTEMPTS + 1):
        written: list[Part] = []
        try:
            return _join(lake, known, written)
        except BaseException as error:
            lake.discard(written)
            if not isinstance(error, ConflictError) or attempt == _ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _join(lake: Lake, known: WorkerDirectory, written: list[Part]) -> Summary:
    """Do it once, on the present state of the lake; parts are added to `written` as they come."""
    snapshot = lake.snapshot()
    old = _old_parts(lake, snapshot)
    with lake.connect(snapshot) as connection:
        table = _workers_table(connection, known)
        current: set[tuple[str, tuple[str, ...], str]] = set()
        for name, rows in ((WORKERS, table), (REJECTS, _reject_rows(known.rejects))):
            about = _digest(rows.to_pylist())
            if rows.num_rows:
                current.add((name, (), about))
                if (name, (), about) not in old:
                    written.append(lake.write(name, _noting(rows, about)))
        hours = _hours(connection)
        changed = [hour for hour in hours if (METRICS, hour.partition, hour.made_of) not in old]
        for batch in _batches(changed):
            for hour, rows in _metrics(connection, batch):
                written.append(lake.write(METRICS, _noting(rows, hour.made_of), hour.partition))
    current |= {(METRICS, hour.partition, hour.made_of) for hour in hours}
    removed = [part for key, parts in old.items() for part in (parts[1:] if key in current else parts)]
    if written or removed:
        lake.commit(snapshot, add=written, remove=removed)
    partitions = {hour.partition for hour in hours}
    return Summary(
        workers=table.num_rows,
        unknown=table["source"].to_pylist().count("none"),
        without_email=table["email"].to_pylist().count(""),
        answers=sum(hour.answers for hour in hours),
        hours=len(hours),
        written=len(changed),
        removed=len({part.partition for part in removed if part.table == METRICS} - partitions),
        rejects=known.rejects,
    )


def _old_parts(lake: Lake, snapshot: Snapshot) -> dict[tuple[str, tuple[str, ...], str], list[Part]]:
    """Return the parts that joins wrote by table, partition and what they were made of."""
    found: dict[tuple[str, tuple[str, ...], str], list[Part]] = {}
    for part in (*snapshot.parts(WORKERS), *snapshot.parts(METRICS), *snapshot.parts(REJECTS)):
        note = (pq.read_schema(lake.fetch(part)).metadata or {}).get(_NOTE, b"").decode()
        if not note:
            continue  # of the rejects of the source
        found.setdefault((part.table, part.partition, note), []).append(part)
    return found


def _reject_rows(rejects: Sequence[FieldReject]) -> pa.Table:
    """Return lines of the CSV that were set aside as rows of the lake's table of rejects."""
    rows = [reject.row() for reject in rejects]
    return pa.Table.from_pylist(rows, schema=TABLES[REJECTS].schema)


def _workers_table(connection: duckdb.DuckDBPyConnection, known: WorkerDirectory) -> pa.Table:
    """Return everybody who answered or is known, and make the table `known` of it for the next queries."""
    rows = [
        {"worker": sub, "name": person.name, "email": person.email, "team": person.team}
        for sub, person in known.by_sub.items()
    ]
    connection.register("people", pa.Table.from_pylist(rows, schema=_PEOPLE))
    table = connection.sql(_WORKERS_SQL, params={"source": known.source}).to_arrow_table()
    connection.register("known", table)
    connection.execute(_PLACED_SQL)
    return table


def _hours(connection: duckdb.DuckDBPyConnection) -> list[_Hour]:
    return [
        _Hour(tuple(partition), answers, int(weight), f"{_VERSION} {digest}")
        for *partition, answers, weight, digest in connection.execute(_HOURS_SQL).fetchall()
    ]


def _batches(hours: Iterable[_Hour]) -> Iterator[list[_Hour]]:
    """Divide hours into lists that fit into memory."""
    batch: list[_Hour] = []
    for hour in hours:
        if batch and sum(one.weight for one in batch) + hour.weight > _WEIGHT:
            yield batch
            batch = []
        batch.append(hour)
    if batch:
        yield batch


def _metrics(
    connection: duckdb.DuckDBPyConnection, hours: Sequence[_Hour]
) -> Iterator[tuple[_Hour, pa.Table]]:
    """Yield the rows of each hour, in the order of files and answers."""
    keys = TABLES[METRICS].partitions
    wanted = [dict(zip(keys, hour.partition, strict=True)) for hour in hours]
    connection.register("wanted", pa.Table.from_pylist(wanted))
    rows = connection.sql(_METRICS_SQL).to_arrow_table().combine_chunks()
    order = pa.table({"row": range(rows.num_rows), **{key: rows[key] for key in (*keys, "file", "answer")}})
    order = order.sort_by([(key, "ascending") for key in (*keys, "file", "answer")])["row"]
    start = 0
    for hour in hours:  # in the same order
        yield hour, rows.take(order.slice(start, hour.answers))
        start += hour.answers


def _noting(table: pa.Table, made_of: str) -> pa.Table:
    return table.replace_schema_metadata({_NOTE: made_of})


def _digest(value: Any) -> str:
    return f"{_VERSION} {hashlib.sha256(json.dumps(value).encode()).hexdigest()}"
