-- The second level's review of the first, by worker and class or attribute.
SELECT t.modality, t.job, t.audit_job, coalesce(w.name, t.worker) AS worker, w.team, coalesce(t.subject, '') AS subject,
       CASE WHEN strpos(t.subject, ' = ') > 0 THEN 'attribute' ELSE 'class' END AS of,
       t.audited, t.confirmed, t.moved, t.relabelled, t.removed, coalesce(t.rejected, 0) AS rejected, t.added, 1 AS one
FROM quality_audit t
LEFT JOIN workers w ON w.worker = t.worker
