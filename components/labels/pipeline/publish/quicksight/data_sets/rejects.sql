-- One row for each thing that could not be read.
SELECT modality, job, file, line, field, reason, remedy, 1 AS one FROM rejects
