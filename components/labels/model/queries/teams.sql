-- What each team did, over everything.
SELECT team, workers, jobs, tasks, labels, labels_per_hour,
       seconds, seconds_min, seconds_mean, seconds_median, seconds_p90, seconds_max,
       rejects, too_fast, too_slow, idle, agreement
FROM quality_teams
ORDER BY seconds DESC, team
