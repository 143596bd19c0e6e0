-- One row for each answer.
SELECT a.modality, a.job, coalesce(w.name, a.worker) AS worker, w.email, w.team, a.submitted AS time, a.item,
       coalesce(q.pace, 'not judged') AS pace, 1 AS one, 1 AS n, a.seconds, coalesce(a.labels, 0) AS labels,
       q.agreement, CASE WHEN q.agreement IS NULL THEN 0 ELSE 1 END AS compared, coalesce(q.rejects, 0) AS rejects
FROM answers a
LEFT JOIN workers w ON w.worker = a.worker
LEFT JOIN answer_quality q ON q.file = a.file AND q.answer = a.answer
