-- One row for each change of what records look like.
SELECT modality, job, change, record, key, detail, count, file, 1 AS one FROM drift
