-- The time that labels of each class take, and how many an hour that makes.
SELECT modality, kind, class, sum(labels) AS labels, sum(seconds) AS seconds,
       sum(seconds) / nullif(sum(labels), 0) AS seconds_per_label,
       3600 * sum(labels) / nullif(sum(seconds), 0) AS labels_per_hour
FROM quality_label_time
GROUP BY modality, kind, class
ORDER BY modality, seconds DESC, kind, class
