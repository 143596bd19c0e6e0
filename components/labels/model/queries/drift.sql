-- What appeared in the records, vanished from them, or changed its type.
SELECT record, key, change, detail, modality, job, file, count
FROM drift
ORDER BY record, key, modality, job
