-- The time that labels of each class took each worker.
SELECT t.modality, t.job, coalesce(w.name, t.worker) AS worker, w.team, t.kind, t.class, 1 AS one, t.labels, t.seconds
FROM quality_label_time t
LEFT JOIN workers w ON w.worker = t.worker
