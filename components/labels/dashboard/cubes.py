"""Cubes: small tables, added up from the lake, from which the page answers every filter by itself.

A cube is columns of equal length. `job`, `task`, `worker`, `worker_a` and `worker_b` hold row
numbers of the cubes `jobs`, `tasks` and `workers`; `workers` (of tasks) a list of them; `time` hours since
1970, UTC. A *task* is a group of items of one job that are alike in state, in who answered for them and in
the hour of their last answer: a label belongs to all who answered for its item, and to the time of the last
answer. Where a lake has too many tasks for a page, hours become days and weeks, and in the end each label is
shared out evenly among those who answered for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from components.labels.dashboard.asking import columns, count, put, run
from components.labels.dashboard.masking import People
from components.labels.dashboard.values import Attribute, build_values

Columns = Mapping[str, Sequence[Any]]
HOURS = (1, 24, 168)  # width of the steps of time


@dataclass(frozen=True)
class Limits:
    """How much of everything a page holds."""

    tasks: int = 5000
    answers: int = 20_000
    items: int = 6000
    findings: int = 2000
    rows: int = 2000  # of any other table
    range_characters: int = 700_000

    def scaled(self, share: float) -> Limits:
        """Return limits of this share."""
        return Limits(**{name: int(value * share) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Cubes:
    """All cubes by name, the attributes that were found, and sentences that say what was left out."""

    tables: Mapping[str, Columns]
    attributes: Sequence[Attribute] = ()
    notes: Sequence[str] = ()
    hours: int = 1  # width of a step of the answers' time
    whole_answers: bool = True  # whether each answer has a row of its own
    complete: frozenset[tuple[str, str]] = field(
        default_factory=frozenset
    )  # attribute and value with all ranges


def build(connection: duckdb.DuckDBPyConnection, people: People, limits: Limits) -> Cubes:
    """Add up the lake's tables behind `connection` (see `components.labels.schema`)."""
    _jobs_and_workers(connection, people)
    notes: list[str] = []
    shared = _tasks(connection, limits.tasks)
    if shared:
        notes.append(
            "There are too many combinations of workers to keep each of them: a label that several workers "
            "answered for counts for each of them with an equal share."
        )
    tables: dict[str, Columns] = {
        "jobs": _jobs(connection, people),
        "workers": {
            "worker": [worker.shown for worker in people.workers],
            "email": [worker.email for worker in people.workers],
            "team": [worker.team for worker in people.workers],
            "id": ["" if people.masked else worker.worker for worker in people.workers],
        },
        "tasks": columns(
            connection, "SELECT job, time, state, workers, items, labels, frames FROM brume_tasks"
        ),
    }
    tables["answers"], hours, whole = _answers(connection, limits.answers)
    if not whole:
        notes.append(
            f"There are more than {limits.answers:,} answers: they are added up by worker, job and "
            f"{'day' if hours == 24 else 'week'}, and medians are medians of those sums' medians."
        )
    found = build_values(connection, limits.range_characters)
    tables |= {"values": found.values, "ranges": found.ranges}
    notes += found.notes
    for name, title, sql, most in _listed(limits):
        tables[name] = _cleaned(columns(connection, f"{sql} LIMIT {most}"), people)
        total = count(connection, sql)
        if total > most:
            notes.append(
                f"{title}: the first {most:,} of {total:,} are on this page. All: "
                f'brume sql "SELECT * FROM {_SOURCES[name]}"'
            )
    return Cubes(tables, found.attributes, notes, hours, whole, found.complete)


_FREE_TEXT = ("detail", "reason", "remedy", "file", "field", "source", "object")


def _cleaned(given: dict[str, list[Any]], people: People) -> dict[str, list[Any]]:
    return {
        name: [people.clean(value) if isinstance(value, str) else value for value in values]
        if name in _FREE_TEXT
        else values
        for name, values in given.items()
    }


def _jobs_and_workers(connection: duckdb.DuckDBPyConnection, people: People) -> None:
    """Number jobs and workers; a job's name may stand under two modalities."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_jobs AS
        SELECT (row_number() OVER (ORDER BY modality, job) - 1)::INTEGER AS id, modality, job FROM (
          SELECT modality, job FROM jobs UNION SELECT modality, job FROM items
          UNION SELECT modality, job FROM answers UNION SELECT modality, job FROM labels)
        WHERE job IS NOT NULL
        """,
    )
    workers = pa.table(
        {
            "id": pa.array(range(len(people.workers)), pa.int32()),
            "worker": pa.array([worker.worker for worker in people.workers], pa.string()),
        }
    )
    put(connection, "brume_workers", workers)


def _jobs(connection: duckdb.DuckDBPyConnection, people: People) -> Columns:
    found = columns(
        connection,
        """
        SELECT b.job, b.modality, coalesce(j.batch, '') AS batch, coalesce(j.level, '') AS level,
          coalesce(j.type, '') AS type, coalesce(j.status, 'Unknown') AS status, coalesce(j.reason, '') AS reason,
          coalesce(j.items, 0) AS items, coalesce(j.labelled, 0) AS labelled, coalesce(j.failed, 0) AS failed,
          coalesce(j.expired, 0) AS expired, coalesce(j.missing, 0) AS missing, coalesce(j.labels, 0) AS labels,
          floor(epoch(j.last_submitted) / 3600)::INTEGER AS last, coalesce(j.file, '') AS file
        FROM brume_jobs b LEFT JOIN (SELECT DISTINCT ON (modality, job) * FROM jobs) j USING (modality, job)
        ORDER BY b.id
        """,
    )
    names = found.pop("job")
    shown = [
        name if names.count(name) == 1 else f"{name} ({modality})"
        for name, modality in zip(names, found["modality"], strict=True)
    ]
    # `job` is a reference in every cube, so here too: to its own row. `shown` is unique, `name` is the lake's.
    own: Columns = {"job": list(range(len(names))), "shown": shown, "name": names}
    return {**own, **_cleaned(found, people)}


def _tasks(connection: duckdb.DuckDBPyConnection, most: int) -> bool:
    """Make `brume_items`, `brume_tasks` and `brume_members`; tells whether labels had to be shared out."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_items AS
        WITH said AS (
          SELECT modality, job, item, first(state ORDER BY state <> 'labelled') AS state, sum(labels)::BIGINT AS labels,
            max(frames) AS frames, any_value(source) AS source, any_value(file) AS file, max(created) AS created
          FROM items GROUP BY ALL),
        unsaid AS (
          SELECT modality, job, item, 'labelled' AS state, count(*) AS labels,
            count(DISTINCT frame_no) AS frames, NULL AS source, any_value(file) AS file, NULL::TIMESTAMPTZ AS created
          FROM labels ANTI JOIN said USING (modality, job, item) GROUP BY ALL),
        who AS (
          SELECT modality, job, item, list(DISTINCT w.id ORDER BY w.id) AS workers, max(submitted) AS last
          FROM answers a JOIN brume_workers w USING (worker) GROUP BY ALL),
        spans AS (
          SELECT modality, job, item, min(frame_no) AS first_frame, max(frame_no) AS last_frame
          FROM frames GROUP BY ALL)
        SELECT (row_number() OVER (ORDER BY b.id, i.item) - 1)::INTEGER AS id, b.id AS job, i.modality,
          i.job AS job_name, i.item, coalesce(i.state, 'missing') AS state, coalesce(i.labels, 0) AS labels,
          coalesce(i.frames, 0) AS frames, coalesce(i.source, '') AS source, coalesce(i.file, '') AS file,
          coalesce(who.workers, []) AS workers,
          floor(epoch(coalesce(who.last, i.created)) / 3600)::INTEGER AS hour,
          CASE WHEN first_frame IS NULL THEN '' ELSE first_frame || '-' || last_frame END AS span
        FROM (FROM said UNION ALL FROM unsaid) i JOIN brume_jobs b USING (modality, job)
        LEFT JOIN who USING (modality, job, item) LEFT JOIN spans USING (modality, job, item)
        """,
    )
    for shared in (False, True):
        for hours in HOURS:
            _group(connection, hours, shared)
            if count(connection, "FROM brume_tasks") <= most:
                return shared
    return True


def _group(connection: duckdb.DuckDBPyConnection, hours: int, shared: bool) -> None:
    # One row for each item and task; a shared item is in one task for each worker.
    spread = "unnest(CASE WHEN workers = [] THEN [NULL] ELSE workers END)" if shared else "0"
    who = "CASE WHEN one IS NULL THEN [] ELSE [one] END" if shared else "workers"
    weight = "1.0 / greatest(len(workers), 1)" if shared else "1"
    run(
        connection,
        f"""
        CREATE OR REPLACE TEMP TABLE brume_spread AS
        SELECT id, job, state, hour // {hours} * {hours} AS time, {who} AS workers, {weight} AS weight,
          labels, frames FROM (SELECT *, {spread} AS one FROM brume_items)
        """,  # noqa: S608 - numbers and expressions of our own
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_tasks AS
        SELECT (row_number() OVER (ORDER BY job, time, state, workers) - 1)::INTEGER AS id, * FROM (
          SELECT job, time, state, workers, sum(weight)::DOUBLE AS items, sum(weight * labels)::DOUBLE AS labels,
            sum(weight * frames)::DOUBLE AS frames FROM brume_spread GROUP BY ALL)
        ORDER BY id
        """,
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_members AS
        SELECT s.id AS item, t.id AS task, s.weight FROM brume_spread s JOIN brume_tasks t
        ON s.job = t.job AND s.state = t.state AND s.workers = t.workers AND s.time IS NOT DISTINCT FROM t.time
        """,
    )


def _answers(connection: duckdb.DuckDBPyConnection, most: int) -> tuple[Columns, int, bool]:
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_answers AS
        SELECT b.id AS job, w.id AS worker, a.item, floor(epoch(a.submitted) / 3600)::INTEGER AS hour,
          a.seconds, coalesce(a.labels, 0) AS labels, coalesce(q.pace, 'not judged') AS pace,
          q.agreement, coalesce(q.rejects, 0) AS rejects, a.file, a.answer
        FROM answers a JOIN brume_jobs b USING (modality, job) JOIN brume_workers w USING (worker)
        LEFT JOIN answer_quality q ON a.file = q.file AND a.answer = q.answer
        """,
    )
    whole = count(connection, "FROM brume_answers") <= most
    for hours in (1,) if whole else HOURS[1:]:
        each = "item, file, answer" if whole else "NULL::INTEGER AS item, NULL AS file, NULL AS answer"
        found = columns(
            connection,
            f"""
            SELECT job, worker, time, item, pace, n, seconds, least, middle, high, most, labels,
              agreement, compared, rejects FROM (
                SELECT job, worker, hour // {hours} * {hours} AS time, pace, {each}, count(*) AS n,
                  round(sum(seconds), 1) AS seconds, round(min(seconds), 1) AS least,
                  round(median(seconds), 1) AS middle, round(quantile_cont(seconds, 0.9), 1) AS high,
                  round(max(seconds), 1) AS most, sum(labels)::BIGINT AS labels,
                  round(sum(agreement), 4) AS agreement, count(agreement) AS compared,
                  sum(rejects)::BIGINT AS rejects
                FROM brume_answers GROUP BY ALL)
            ORDER BY job, item, worker, time, pace
            """,  # noqa: S608 - numbers and columns of our own
        )
        if len(found["n"]) <= most:
            break
    return found, hours, whole


_SOURCES = {
    "items": "items",
    "quality": "quality_jobs",
    "agreement": "quality_agreement",
    "audit": "quality_audit",
    "label_time": "quality_label_time",
    "findings": "findings",
    "drift": "drift",
    "rejects": "rejects",
}


# The figures that tell a job's agreement in one line; the others are in the table of all.
_MAIN = """CASE WHEN t.measure IN ('agreement', 'f1', 'iou', 'likeness', 'idf1', 'mota')
  OR (t.subject = 'class' AND t.measure IN ('cohen_kappa', 'alpha')) THEN 'yes' ELSE 'no' END"""


def _listed(limits: Limits) -> list[tuple[str, str, str, int]]:
    """Return name, title, query and most rows of each cube that is taken over row by row."""
    job = "JOIN brume_jobs b ON b.modality = t.modality AND b.job = t.job"
    loose = f"LEFT {job}"
    worker = "LEFT JOIN brume_workers w ON w.worker = t.worker"
    return [
        (
            "items",
            "Items",
            "SELECT i.job, i.item, m.task, i.state, i.labels, i.span, i.file, i.source FROM brume_items i "
            "JOIN (SELECT item, min(task) AS task FROM brume_members GROUP BY item) m ON m.item = i.id ORDER BY i.id",
            limits.items,
        ),
        (
            "quality",
            "Quality of jobs",
            "SELECT b.id AS job, t.measure, coalesce(t.subject, '') AS subject, round(t.value, 4) AS value, t.units, "
            f"replace(trim(t.measure || ' ' || coalesce(t.subject, '')), '_', ' ') AS figure, {_MAIN} AS main "
            f"FROM quality_jobs t {job} ORDER BY main DESC, b.id, measure, subject",
            limits.rows,
        ),
        (
            "agreement",
            "Agreement of pairs",
            "SELECT b.id AS job, x.id AS worker_a, y.id AS worker_b, t.measure, coalesce(t.subject, '') AS subject, "
            "round(t.value, 4) AS value, t.units, round(t.value * t.units, 4) AS weighted "
            f"FROM quality_agreement t {job} "
            "JOIN brume_workers x ON x.worker = t.worker_a JOIN brume_workers y ON y.worker = t.worker_b "
            "ORDER BY t.measure <> 'agreement', t.units DESC, b.id, worker_a, worker_b, measure",
            2 * limits.rows,
        ),
        (
            "audit",
            "Audit",
            "SELECT b.id AS job, t.audit_job, w.id AS worker, coalesce(t.subject, '') AS subject, "
            "CASE WHEN contains(t.subject, ' = ') THEN 'attribute' ELSE 'class' END AS of, "
            f"t.audited, t.confirmed, t.moved, t.relabelled, t.removed, t.added FROM quality_audit t {job} "
            f"{worker} ORDER BY t.audited DESC, b.id, worker, subject",
            2 * limits.rows,
        ),
        (
            "label_time",
            "Time by class",
            "SELECT b.id AS job, w.id AS worker, coalesce(t.kind, '') AS kind, "
            "coalesce(t.class, '') AS class, sum(t.labels)::BIGINT AS labels, "
            f"round(sum(t.seconds), 1) AS seconds FROM quality_label_time t {job} {worker} GROUP BY ALL "
            "ORDER BY labels DESC, job, worker, class",
            2 * limits.rows,
        ),
        (
            "findings",
            "Findings",
            # The surest of every kind come first, so that no kind is crowded out by another.
            "SELECT t.kind, round(t.score, 3) AS score, b.id AS job, t.item, t.frame_no, t.frame_end, t.object, "
            f"w.id AS worker, t.detail, t.file FROM findings t {loose} {worker} "
            "ORDER BY row_number() OVER (PARTITION BY t.kind ORDER BY t.score DESC NULLS LAST, t.job, t.item), t.kind",
            limits.findings,
        ),
        (
            "drift",
            "Changes of the records",
            "SELECT t.record, t.key, t.change, t.detail, b.id AS job, t.file, t.count "
            f"FROM drift t {loose} ORDER BY t.change, t.record, t.key, t.file",
            limits.rows,
        ),
        (
            "rejects",
            "Rejected input",
            "SELECT b.id AS job, t.file, t.line, t.field, t.reason, t.remedy "
            f"FROM rejects t {loose} ORDER BY t.file, t.line",
            limits.rows,
        ),
    ]
