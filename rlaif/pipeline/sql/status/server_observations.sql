-- What servers told of themselves and what they made us do, how often and in how many runs: parameters left out or renamed are
-- counted by requests, surplus completions one by one.
SELECT server, model, remark, value, count(DISTINCT run) AS runs, sum(times)::BIGINT AS times
FROM server_observations
GROUP BY server, model, remark, value
ORDER BY server, model, remark, min(rowid), value
