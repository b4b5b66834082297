-- Results of each judge's comparisons by the order shown: `n` have a verdict, `failed` do not.
SELECT judges.name AS judge, coalesce(criteria.name, comparisons.criterion) AS criterion, count(preferred) AS n,
    count(*) FILTER (preferred = 'first') AS first, count(*) FILTER (preferred = 'second') AS second,
    count(*) FILTER (preferred = 'tie') AS tie, count(failure) AS failed
FROM comparisons
    JOIN report_judges AS judges ON judges.key = comparisons.judge
    SEMI JOIN current_prompts AS prompts ON prompts.key = comparisons.prompt
    LEFT JOIN (SELECT key, max(name) AS name FROM criteria GROUP BY key) AS criteria ON criteria.key = comparisons.criterion
GROUP BY ALL
ORDER BY ALL
