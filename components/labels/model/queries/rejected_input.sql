-- Input that could not be read: where, why, and what to do.
SELECT modality, job, file, line, field, reason, remedy
FROM rejects
ORDER BY file, line, field
