-- What servers reported about themselves and how requests were adapted to them, how often and in how many runs. Parameters
-- that were dropped or renamed are counted by request, surplus completions one by one.
SELECT server, model, remark, value, count(DISTINCT run) AS runs, sum(times)::BIGINT AS times
FROM server_observations
GROUP BY server, model, remark, value
ORDER BY server, model, remark, min(rowid), value
