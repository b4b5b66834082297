-- How each judge's comparisons of two answers ended, by the order shown.
SELECT judges.name AS judge, comparisons.criterion, count(*) AS n,
    count(*) FILTER (preferred = 'first') AS first, count(*) FILTER (preferred = 'second') AS second,
    count(*) FILTER (preferred = 'tie') AS tie
FROM comparisons JOIN (SELECT name, arg_max(key, rowid) AS key FROM judges GROUP BY name) AS judges
    ON judges.key = comparisons.judge
    JOIN current_prompts AS prompts ON prompts.key = comparisons.prompt
GROUP BY judges.name, comparisons.criterion
ORDER BY judges.name, comparisons.criterion
