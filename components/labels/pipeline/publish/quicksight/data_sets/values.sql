-- How often each value of each attribute stands, by job, hour of the last answer and worker (in equal shares).
WITH who AS (
  SELECT DISTINCT modality, job, item, worker FROM answers
), answered AS (
  SELECT modality, job, item, count(DISTINCT worker) AS workers, max(submitted) AS last
  FROM answers GROUP BY modality, job, item
), pairs AS (
  SELECT modality, job, item, concat('label/', key) AS attribute, element_at(attributes, key) AS value
  FROM labels CROSS JOIN UNNEST(map_keys(attributes)) AS t(key)
  UNION ALL
  SELECT modality, job, item, 'class', class FROM labels
  UNION ALL
  SELECT modality, job, item, concat('frame/', key), element_at(attributes, key)
  FROM frames CROSS JOIN UNNEST(map_keys(attributes)) AS t(key)
  UNION ALL
  SELECT modality, job, item, 'labels in the frame', CAST(labels AS varchar) FROM frames
), counted AS (
  SELECT modality, job, item, attribute, value, count(*) AS n
  FROM pairs WHERE value <> '' GROUP BY modality, job, item, attribute, value
)
SELECT counted.modality, counted.job, workers.name AS worker, workers.team,
       date_trunc('hour', answered.last) AS time, counted.attribute, counted.value,
       TRY_CAST(counted.value AS double) AS number, 1 AS one,
       sum(1e0 * counted.n / coalesce(answered.workers, 1)) AS n
FROM counted
LEFT JOIN answered ON answered.modality = counted.modality AND answered.job = counted.job
                  AND answered.item = counted.item
LEFT JOIN who ON who.modality = counted.modality AND who.job = counted.job AND who.item = counted.item
LEFT JOIN workers ON workers.worker = who.worker
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
