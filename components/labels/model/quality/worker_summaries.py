"""Contribution, time, pace, rejects and agreement of each worker and team."""

from __future__ import annotations

import pyarrow as pa

from brume.labels.model.lake import Lake
from brume.labels.model.schema import TABLES
from brume.lake.lake import Snapshot

# Answers without a time above zero count as tasks and labels, and in no figure of time.
_TIMED = """
WITH timed AS (
    SELECT a.*, coalesce(w.name, a.worker) AS name, w.team,
           CASE WHEN a.seconds > 0 THEN a.seconds END AS spent
    FROM assessed_answers a LEFT JOIN workers w ON w.worker = a.worker
)
"""
_EFFORT = """
       count(DISTINCT (modality, job)) AS jobs, count(*) AS tasks, sum(labels) AS labels,
       sum(spent) AS seconds, min(spent) AS seconds_min, avg(spent) AS seconds_mean,
       median(spent) AS seconds_median, quantile_cont(spent, 0.9) AS seconds_p90,
       max(spent) AS seconds_max,
       3600 * sum(labels) FILTER (spent IS NOT NULL) / sum(spent) AS labels_per_hour,
       sum(rejects) AS rejects, count(*) FILTER (pace = 'too fast') AS too_fast,
       count(*) FILTER (pace = 'too slow') AS too_slow, count(*) FILTER (pace = 'idle') AS idle,
       avg(agreement) AS agreement
"""
_WORKERS = f"""
{_TIMED} SELECT worker, any_value(name) AS name, any_value(team) AS team, {_EFFORT}
FROM timed GROUP BY worker ORDER BY worker
"""  # noqa: S608 - texts of our own
_TEAMS = f"""
{_TIMED} SELECT coalesce(team, '') AS team, count(DISTINCT worker) AS workers, {_EFFORT}
FROM timed GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - texts of our own
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
FROM shared s JOIN assessed_answers a USING (modality, job, file, answer)
GROUP BY ALL ORDER BY ALL
"""


def summaries(lake: Lake, snapshot: Snapshot, answers: pa.Table) -> dict[str, pa.Table]:
    """Return the tables quality_workers, quality_teams and quality_label_time.

    `answers` is the table answer_quality, just made. A worker whom nobody knows by name is called by the key.
    Tasks are answers. labels_per_hour is 3600 x labels / seconds of the answers whose time is known, p90 is
    interpolated between the two nearest answers (type 7 of Hyndman and Fan, "Sample quantiles in statistical
    packages", 1996), agreement is the mean over the answers (`measures.of_answers`), rejects are the labels
    that an audit rejected (`audit.assess`). A team's figures are over the answers of its workers, each
    answer weighing the same. The time of an answer is shared out evenly among its labels: an answer does not
    say which of them took how long.
    """
    with lake.connect(snapshot) as connection:
        connection.execute("SET threads = 1")  # sums in one order: the same lake gives the same digits
        connection.register("assessed_answers", answers)
        return {
            name: connection.sql(query).to_arrow_table().cast(TABLES[name].schema)
            for name, query in (
                ("quality_workers", _WORKERS),
                ("quality_teams", _TEAMS),
                ("quality_label_time", _LABEL_TIME),
            )
        }
