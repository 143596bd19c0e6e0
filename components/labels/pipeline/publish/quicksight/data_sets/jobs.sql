-- One row for each job.
SELECT modality, job, batch, level, type, coalesce(status, 'Unknown') AS status, reason, items, labelled, missing,
       failed, expired, labels, last_submitted AS last, 1 AS one
FROM jobs
