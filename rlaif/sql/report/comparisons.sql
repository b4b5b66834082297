-- How each judge's comparisons of two answers ended, by the order shown.
SELECT judges.name AS judge, comparisons.criterion, count(*) AS n,
    count(*) FILTER (preferred = 'first') AS first, count(*) FILTER (preferred = 'second') AS second,
    count(*) FILTER (preferred = 'tie') AS tie
FROM comparisons
    JOIN report_judges AS judges ON judges.key = comparisons.judge
    SEMI JOIN current_prompts AS prompts ON prompts.key = comparisons.prompt
GROUP BY judges.name, comparisons.criterion
ORDER BY judges.name, comparisons.criterion
