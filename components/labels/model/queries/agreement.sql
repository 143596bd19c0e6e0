-- How far workers agree within each job, by every measure that applies.
SELECT modality, job, measure, subject, value, units
FROM quality_jobs
ORDER BY modality, job, measure, subject
