"""Cubes: small aggregated tables from which the page computes every filtered view.

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

from brume.labels.pipeline.dashboard.attribute_values import Attribute, build_values, count_values
from brume.labels.pipeline.dashboard.duckdb_queries import columns, count, put, run
from brume.labels.pipeline.dashboard.listings import LISTINGS
from brume.labels.pipeline.dashboard.pseudonyms import People
from brume.labels.pipeline.dashboard.task_tables import HOURS, build_tasks, prepare_items

Columns = Mapping[str, Sequence[Any]]
_STEPS = {24: "day", 168: "week", 672: "four weeks"}


@dataclass(frozen=True)
class Limits:
    """How much of everything a page holds."""

    tasks: int = 5000
    answers: int = 20_000
    items: int = 6000
    findings: int = 2000
    pairs: int = 4000  # of workers, or of a worker and a class
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


def prepare(connection: duckdb.DuckDBPyConnection, people: People) -> None:
    """Make the temporary tables that `build` adds up, of the lake's tables behind `connection`."""
    _jobs_and_workers(connection, people)
    prepare_items(connection)
    count_values(connection)
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


def build(connection: duckdb.DuckDBPyConnection, people: People, limits: Limits) -> Cubes:
    """Add up what `prepare` has made, within limits."""
    notes: list[str] = []
    shared = build_tasks(connection, limits.tasks)
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
            f"{_STEPS[hours]}, and medians are medians of those sums' medians."
        )
    found = build_values(connection, limits.range_characters)
    tables |= {"values": found.values, "ranges": found.ranges}
    notes += found.notes
    for it in LISTINGS:
        most = getattr(limits, it.limit)
        tables[it.name] = _cleaned(columns(connection, f"{it.sql} LIMIT {most}"), people)
        total = count(connection, it.sql)
        if total > most:
            notes.append(
                f"{it.title}: the first {most:,} of {total:,} are on this page. "
                f'All of them: brume sql "{it.everything}"'
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
          coalesce(j.status, 'Unknown') AS status, coalesce(j.reason, '') AS reason,
          coalesce(j.items, 0) AS items, coalesce(j.labelled, 0) AS labelled, coalesce(j.failed, 0) AS failed,
          coalesce(j.expired, 0) AS expired, coalesce(j.missing, 0) AS missing,
          coalesce(j.labels, 0) AS labels,
          floor(epoch(j.last_submitted) / 3600)::INTEGER AS last
        FROM brume_jobs b LEFT JOIN (SELECT DISTINCT ON (modality, job) * FROM jobs) j USING (modality, job)
        ORDER BY b.id
        """,
    )
    names = found.pop("job")
    shown = [
        name if names.count(name) == 1 else f"{name} ({modality})"
        for name, modality in zip(names, found["modality"], strict=True)
    ]
    # `job` is a reference in every cube, so here too. `shown` is unique, `name` is the lake's.
    own: Columns = {"job": list(range(len(names))), "shown": shown, "name": names}
    return {**own, **_cleaned(found, people)}


def _answers(connection: duckdb.DuckDBPyConnection, most: int) -> tuple[Columns, int, bool]:
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
