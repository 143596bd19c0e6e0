-- How many labels an audit rejected, for each job and worker.
SELECT modality, job, worker, count(*) AS answers, sum(labels) AS labels, sum(rejects) AS rejects,
       100.0 * sum(rejects) / nullif(sum(labels), 0) AS percent
FROM answer_quality
GROUP BY modality, job, worker
HAVING sum(rejects) > 0
ORDER BY rejects DESC, modality, job, worker
