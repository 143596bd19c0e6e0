"""The cubes that are rows of the lake's tables, the most important ones first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Listing:
    """A cube taken over row by row: its query, the limit that holds for it, and a query for everything."""

    name: str
    title: str
    everything: str
    limit: str
    sql: str


LISTINGS = (
    Listing(
        "items",
        "Items",
        "SELECT * FROM items",
        "items",
        """
        SELECT i.job, i.item, m.task, i.state, i.labels, i.span, i.file, i.source
        FROM brume_items i JOIN (SELECT item, min(task) AS task FROM brume_members GROUP BY item) m
        ON m.item = i.id ORDER BY i.id
        """,
    ),
    Listing(
        "quality",
        "Quality of jobs",
        "SELECT * FROM quality_jobs",
        "rows",
        # `main` are the figures that give a job's agreement in one line.
        """
        SELECT b.id AS job, t.measure, coalesce(t.subject, '') AS subject, round(t.value, 4) AS value,
          t.units, replace(trim(t.measure || ' ' || coalesce(t.subject, '')), '_', ' ') AS figure,
          CASE WHEN t.measure IN ('agreement', 'f1', 'iou', 'likeness', 'idf1', 'mota')
            OR (t.subject = 'class' AND t.measure IN ('cohen_kappa', 'alpha')) THEN 'yes'
            ELSE 'no' END AS main
        FROM quality_jobs t JOIN brume_jobs b USING (modality, job)
        ORDER BY main DESC, b.id, measure, subject
        """,
    ),
    Listing(
        "agreement",
        "Agreement of pairs",
        "SELECT * FROM quality_agreement",
        "pairs",
        """
        SELECT b.id AS job, x.id AS worker_a, y.id AS worker_b, t.measure, coalesce(t.subject, '') AS subject,
          round(t.value, 4) AS value, t.units, round(t.value * t.units, 4) AS weighted,
          round((1 - t.value) * t.units, 4) AS lost
        FROM quality_agreement t JOIN brume_jobs b USING (modality, job)
        JOIN brume_workers x ON x.worker = t.worker_a JOIN brume_workers y ON y.worker = t.worker_b
        WHERE t.measure = 'agreement'
        ORDER BY t.units DESC, b.id, worker_a, worker_b
        """,
    ),
    Listing(
        "audit",
        "Audit",
        "SELECT * FROM quality_audit",
        "pairs",
        """
        SELECT b.id AS job, t.audit_job, w.id AS worker, coalesce(t.subject, '') AS subject,
          CASE WHEN contains(t.subject, ' = ') THEN 'attribute' ELSE 'class' END AS of,
          t.audited, t.confirmed, t.moved, t.relabelled, t.removed, t.rejected, t.added
        FROM quality_audit t JOIN brume_jobs b USING (modality, job) LEFT JOIN brume_workers w USING (worker)
        ORDER BY t.audited DESC, b.id, w.id, subject
        """,
    ),
    Listing(
        "label_time",
        "Time by class",
        "SELECT * FROM quality_label_time",
        "pairs",
        """
        SELECT b.id AS job, w.id AS worker, coalesce(t.kind, '') AS kind, coalesce(t.class, '') AS class,
          sum(t.labels)::BIGINT AS labels, round(sum(t.seconds), 1) AS seconds
        FROM quality_label_time t JOIN brume_jobs b USING (modality, job)
        LEFT JOIN brume_workers w USING (worker)
        GROUP BY ALL ORDER BY labels DESC, b.id, w.id, kind, class
        """,
    ),
    Listing(
        "findings",
        "Findings",
        "SELECT * FROM findings",
        "findings",
        # The surest of every kind come first, so that no kind is crowded out by another.
        """
        SELECT t.kind, round(t.score, 3) AS score, b.id AS job, t.item, t.frame_no, t.frame_end, t.object,
          w.id AS worker, t.detail, t.file
        FROM findings t LEFT JOIN brume_jobs b USING (modality, job) LEFT JOIN brume_workers w USING (worker)
        ORDER BY row_number() OVER (
          PARTITION BY t.kind ORDER BY t.score DESC NULLS LAST, t.job, t.item, t.frame_no, t.object), t.kind
        """,
    ),
    Listing(
        "drift",
        "Changes of the records",
        "SELECT * FROM drift",
        "rows",
        """
        SELECT t.record, t.key, t.change, t.detail, b.id AS job, t.file, t.count
        FROM drift t LEFT JOIN brume_jobs b USING (modality, job) ORDER BY t.change, t.record, t.key, t.file
        """,
    ),
    Listing(
        "rejects",
        "Rejected input",
        "SELECT * FROM rejects",
        "rows",
        """
        SELECT b.id AS job, t.file, t.line, t.field, t.reason, t.remedy
        FROM rejects t LEFT JOIN brume_jobs b USING (modality, job) ORDER BY t.file, t.line
        """,
    ),
)
