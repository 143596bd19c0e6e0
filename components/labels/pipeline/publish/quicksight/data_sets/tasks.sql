-- Data objects by job, state, hour of the last answer and worker; of several workers each has an equal share.
WITH who AS (
  SELECT DISTINCT modality, job, item, worker FROM answers
), answered AS (
  SELECT modality, job, item, count(DISTINCT worker) AS workers, max(submitted) AS last
  FROM answers GROUP BY modality, job, item
), listed AS (
  SELECT modality, job, item, coalesce(max(CASE WHEN state <> 'labelled' THEN state END), 'labelled') AS state,
         sum(labels) AS labels, max(frames) AS frames, max(created) AS created
  FROM items GROUP BY modality, job, item
)
SELECT listed.modality, listed.job, listed.state, workers.name AS worker, workers.team,
       date_trunc('hour', coalesce(answered.last, listed.created)) AS time, 1 AS one,
       sum(1e0 / coalesce(answered.workers, 1)) AS items,
       sum(1e0 * listed.labels / coalesce(answered.workers, 1)) AS labels,
       sum(1e0 * listed.frames / coalesce(answered.workers, 1)) AS frames
FROM listed
LEFT JOIN answered ON answered.modality = listed.modality AND answered.job = listed.job AND answered.item = listed.item
LEFT JOIN who ON who.modality = listed.modality AND who.job = listed.job AND who.item = listed.item
LEFT JOIN workers ON workers.worker = who.worker
GROUP BY 1, 2, 3, 4, 5, 6
