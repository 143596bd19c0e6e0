-- What each worker did, and how to reach them: for paying, and for teaching.
SELECT q.worker, q.name, w.email, q.team, q.jobs, q.tasks, q.labels, q.labels_per_hour,
       q.seconds, q.seconds_min, q.seconds_mean, q.seconds_median, q.seconds_p90, q.seconds_max,
       q.rejects, q.too_fast, q.too_slow, q.idle, q.agreement
FROM quality_workers q
LEFT JOIN workers w ON w.worker = q.worker
ORDER BY q.seconds DESC, q.worker
