-- Every job: its state, what is done and what is not, and how long it has been worked on.
SELECT modality, batch, level, job, status, reason, items, labelled, failed, expired, missing,
       labels, frames, answers, workers, first_submitted, last_submitted
FROM jobs
ORDER BY modality, batch, level, job
