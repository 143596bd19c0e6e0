"""Find which job reviews which: the second level of a batch and its first."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

Job = tuple[str, str]  # modality and job


@dataclass(frozen=True)
class Review:
    """A job that reviews another one's labels, and which of its items is which of the other's."""

    job: Job
    audit: Job
    items: dict[int, int]  # the audit's to the first level's


# A review is of a higher level of the same batch, or of the modality that is called an audit of the other's,
# and has labelled the same data objects. Of several jobs that it could review it reviews one of its own
# kind (its modality, with or without "Audit"), then that with which it shares most, then the next level.
_PAIRS = """
WITH pairs AS (
    SELECT a.modality AS audit_modality, a.job AS audit_job, f.modality, f.job,
           coalesce(try_cast(f.level AS INTEGER), 0) AS level,
           replace(lower(a.modality), 'audit', '') = replace(lower(f.modality), 'audit', '') AS akin
    FROM jobs a
    JOIN jobs f ON a.batch IS NOT DISTINCT FROM f.batch AND (a.modality, a.job) <> (f.modality, f.job)
    WHERE coalesce(try_cast(a.level AS INTEGER) > try_cast(f.level AS INTEGER), false)
       OR lower(a.modality) = lower(f.modality) || 'audit'
),
shared AS (
    SELECT p.*, a.item AS audit_item, f.item,
           row_number() OVER (
               PARTITION BY p.audit_modality, p.audit_job, p.modality, p.job, a.item
               ORDER BY a.item <> f.item, f.item
           ) AS choice
    FROM pairs p
    JOIN items a ON a.modality = p.audit_modality AND a.job = p.audit_job AND a.state = 'labelled'
    JOIN items f ON f.modality = p.modality AND f.job = p.job AND f.source = a.source
),
chosen AS (
    SELECT audit_modality, audit_job, modality, job,
           map(list(audit_item ORDER BY audit_item), list(item ORDER BY audit_item)) AS items,
           row_number() OVER (
               PARTITION BY audit_modality, audit_job
               ORDER BY akin DESC, count(*) DESC, level DESC, modality, job
           ) AS choice
    FROM shared
    WHERE choice = 1
    GROUP BY audit_modality, audit_job, modality, job, akin, level
)
SELECT modality, job, audit_modality, audit_job, items FROM chosen WHERE choice = 1
ORDER BY audit_modality, audit_job
"""


def reviews(connection: duckdb.DuckDBPyConnection) -> list[Review]:
    """Return the reviews among the jobs of a lake (`Lake.connect`); a job reviews one other at most."""
    return [
        Review((modality, job), (audit_modality, audit_job), {int(a): int(f) for a, f in items.items()})
        for modality, job, audit_modality, audit_job, items in connection.execute(_PAIRS).fetchall()
    ]
