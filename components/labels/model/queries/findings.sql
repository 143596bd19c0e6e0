-- Everything that someone should look at, the surest first.
SELECT kind, score, modality, job, item, frame_no, frame_end, object, worker, detail, file
FROM findings
ORDER BY kind, score DESC, modality, job, item, frame_no
