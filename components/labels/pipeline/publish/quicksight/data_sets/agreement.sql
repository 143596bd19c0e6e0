-- How far each two workers agree who answered for the same items of a job.
SELECT t.modality, t.job, coalesce(a.name, t.worker_a) AS worker_a, coalesce(b.name, t.worker_b) AS worker_b,
       t.measure, coalesce(t.subject, '') AS subject, t.value, t.units, t.value * t.units AS weighted,
       (1 - t.value) * t.units AS lost, 1 AS one
FROM quality_agreement t
LEFT JOIN workers a ON a.worker = t.worker_a
LEFT JOIN workers b ON b.worker = t.worker_b
WHERE t.measure = 'agreement'
