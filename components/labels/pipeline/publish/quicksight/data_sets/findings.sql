-- One row for each thing that someone should look at.
SELECT t.kind, t.score, t.modality, t.job, t.item, t.frame_no, t.frame_end, t.object,
       coalesce(w.name, t.worker) AS worker, w.team, t.detail, t.file, 1 AS one
FROM findings t
LEFT JOIN workers w ON w.worker = t.worker
