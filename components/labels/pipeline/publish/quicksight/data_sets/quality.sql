-- One row for each measure of each job; the main ones give its agreement in one line.
SELECT modality, job, measure, coalesce(subject, '') AS subject, value, units, 1 AS one,
       replace(trim(concat(measure, ' ', coalesce(subject, ''))), '_', ' ') AS figure,
       CASE WHEN measure IN ('agreement', 'f1', 'iou', 'likeness', 'idf1', 'mota')
              OR (subject = 'class' AND measure IN ('cohen_kappa', 'alpha')) THEN 'yes' ELSE 'no' END AS main
FROM quality_jobs
