"""Tasks: items of one job with the same state, workers and time, grouped for the page.

Filters of worker and time act on labels through them. Where there are too many for a page, hours become days
and weeks, and in the end each label is shared out evenly among those who answered for it.
"""

from __future__ import annotations

import duckdb

from brume.labels.pipeline.dashboard.duckdb_queries import count, run

HOURS = (1, 24, 168, 672)  # width of the steps of time


def prepare_items(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `brume_items`: each item with what became of it and who answered for it."""
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_items AS
        WITH listed AS (
          SELECT modality, job, item, first(state ORDER BY state <> 'labelled') AS state,
            sum(labels)::BIGINT AS labels, max(frames) AS frames, any_value(source) AS source,
            any_value(file) AS file, max(created) AS created
          FROM items GROUP BY ALL),
        unlisted AS (
          SELECT modality, job, item, 'labelled' AS state, count(*) AS labels,
            count(DISTINCT frame_no) AS frames, NULL AS source, any_value(file) AS file,
            NULL::TIMESTAMPTZ AS created
          FROM labels ANTI JOIN listed USING (modality, job, item) GROUP BY ALL),
        who AS (
          SELECT modality, job, item, list(DISTINCT w.id ORDER BY w.id) AS workers, max(submitted) AS last
          FROM answers a JOIN brume_workers w USING (worker) GROUP BY ALL),
        spans AS (
          SELECT modality, job, item, min(frame_no) AS first_frame, max(frame_no) AS last_frame,
            any_value(file) AS sequence
          FROM frames GROUP BY ALL)
        SELECT (row_number() OVER (ORDER BY b.id, i.item) - 1)::INTEGER AS id, b.id AS job, i.modality,
          i.job AS job_name, i.item, coalesce(i.state, 'missing') AS state, coalesce(i.labels, 0) AS labels,
          coalesce(i.frames, 0) AS frames, coalesce(i.source, '') AS source,
          coalesce(sequence, i.file, '') AS file,
          coalesce(who.workers, []) AS workers,
          floor(epoch(coalesce(who.last, i.created)) / 3600)::INTEGER AS hour,
          CASE WHEN first_frame IS NULL THEN '' ELSE first_frame || '-' || last_frame END AS span
        FROM (FROM listed UNION ALL FROM unlisted) i JOIN brume_jobs b USING (modality, job)
        LEFT JOIN who USING (modality, job, item) LEFT JOIN spans USING (modality, job, item)
        """,
    )


def build_tasks(connection: duckdb.DuckDBPyConnection, most: int) -> bool:
    """Make `brume_tasks` and `brume_members`; return whether labels had to be shared out."""
    whatever_the_time = count(connection, "SELECT DISTINCT job, state, workers FROM brume_items")
    for shared in (False, True) if whatever_the_time <= most else (True,):
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
          SELECT job, time, state, workers, sum(weight)::DOUBLE AS items,
            sum(weight * labels)::DOUBLE AS labels, sum(weight * frames)::DOUBLE AS frames
          FROM brume_spread GROUP BY ALL)
        ORDER BY id
        """,
    )
    run(
        connection,
        """
        CREATE OR REPLACE TEMP TABLE brume_members AS
        SELECT s.id AS item, t.id AS task, s.weight FROM brume_spread s JOIN brume_tasks t
        ON s.job = t.job AND s.state = t.state AND s.workers = t.workers
          AND s.time IS NOT DISTINCT FROM t.time
        """,
    )
