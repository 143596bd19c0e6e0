-- Data objects by job, state, hour of the last answer and worker; of several workers each has an equal share.
WITH who AS (
  SELECT DISTINCT modality, job, item, worker FROM answers
), answered AS (
  SELECT modality, job, item, count(DISTINCT worker) AS workers, max(submitted) AS last
  FROM answers GROUP BY modality, job, item
), said AS (
  SELECT modality, job, item, coalesce(max(CASE WHEN state <> 'labelled' THEN state END), 'labelled') AS state,
         sum(labels) AS labels, max(frames) AS frames, max(created) AS created
  FROM items GROUP BY modality, job, item
)
SELECT said.modality, said.job, said.state, workers.name AS worker, workers.team,
       date_trunc('hour', coalesce(answered.last, said.created)) AS time, 1 AS one,
       sum(1e0 / coalesce(answered.workers, 1)) AS items,
       sum(1e0 * said.labels / coalesce(answered.workers, 1)) AS labels,
       sum(1e0 * said.frames / coalesce(answered.workers, 1)) AS frames
FROM said
LEFT JOIN answered ON answered.modality = said.modality AND answered.job = said.job AND answered.item = said.item
LEFT JOIN who ON who.modality = said.modality AND who.job = said.job AND who.item = said.item
LEFT JOIN workers ON workers.worker = who.worker
GROUP BY 1, 2, 3, 4, 5, 6
