"""What each worker did, over all jobs: contribution, time, pace, rejects, agreement."""

from __future__ import annotations

import pyarrow as pa

from components.labels.lake import Lake, Snapshot
from components.labels.schema import TABLES

# Answers without a time above zero count as tasks and labels, and in no figure of time.
_WORKERS = """
WITH timed AS (SELECT *, CASE WHEN seconds > 0 THEN seconds END AS spent FROM judged_answers)
SELECT t.worker, coalesce(any_value(w.name), t.worker) AS name, any_value(w.team) AS team,
       count(DISTINCT (t.modality, t.job)) AS jobs, count(*) AS tasks, sum(t.labels) AS labels,
       sum(t.spent) AS seconds, min(t.spent) AS seconds_min, avg(t.spent) AS seconds_mean,
       median(t.spent) AS seconds_median, quantile_cont(t.spent, 0.9) AS seconds_p90,
       max(t.spent) AS seconds_max,
       3600 * sum(t.labels) FILTER (t.spent IS NOT NULL) / sum(t.spent) AS labels_per_hour,
       sum(t.rejects) AS rejects, count(*) FILTER (t.pace = 'too fast') AS too_fast,
       count(*) FILTER (t.pace = 'too slow') AS too_slow, count(*) FILTER (t.pace = 'idle') AS idle,
       avg(t.agreement) AS agreement
FROM timed t LEFT JOIN workers w ON w.worker = t.worker
GROUP BY t.worker
ORDER BY t.worker
"""
_LABEL_TIME = """
WITH counted AS (
    SELECT modality, job, file, answer, kind, class, count(*) AS labels
    FROM answer_labels WHERE kind <> 'frame' GROUP BY ALL
),
shared AS (
    SELECT *, labels / sum(labels) OVER (PARTITION BY modality, job, file, answer) AS part FROM counted
)
SELECT s.modality, s.job, a.worker, s.kind, s.class, sum(s.labels) AS labels,
       sum(CASE WHEN a.seconds > 0 THEN a.seconds * s.part END) AS seconds
FROM shared s JOIN judged_answers a USING (modality, job, file, answer)
GROUP BY ALL ORDER BY ALL
"""


def summaries(lake: Lake, snapshot: Snapshot, answers: pa.Table) -> dict[str, pa.Table]:
    """Return the tables quality_workers and quality_label_time.

    `answers` is the table answer_quality, just made. A worker whom nobody knows by name is called by the key.
    labels_per_hour counts only answers whose time is known, p90 is interpolated between the two nearest
    answers, agreement is the mean over the worker's answers. The time of an answer is shared out evenly among
    its labels: an answer does not say which of them took how long.
    """
    with lake.connect(snapshot) as connection:
        connection.execute("SET threads = 1")  # sums in one order: the same lake gives the same digits
        connection.register("judged_answers", answers)
        return {
            name: connection.sql(query).to_arrow_table().cast(TABLES[name].schema)
            for name, query in (("quality_workers", _WORKERS), ("quality_label_time", _LABEL_TIME))
        }
