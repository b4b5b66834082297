-- The correlation (Pearson) of each two criteria of a current judge over the responses that have both scores.
WITH scored AS (
    SELECT scores.answer, scores.judge, criteria.name, criteria.place, score::DOUBLE AS score
    FROM latest_scores AS scores
    JOIN (SELECT key, max(name) AS name, max(rowid) AS place FROM criteria GROUP BY key) AS criteria ON criteria.key = scores.criterion
    SEMI JOIN current_criteria ON current_criteria.judge = scores.judge AND current_criteria.criterion = scores.criterion
    SEMI JOIN current_judges ON current_judges.key = scores.judge
    WHERE score IS NOT NULL
),
correlated AS (
    SELECT one.judge, one.name AS first, two.name AS second, one.place AS first_place, two.place AS second_place,
        corr(one.score, two.score) AS correlation, count(*) AS n
    FROM scored AS one JOIN scored AS two ON two.answer = one.answer AND two.judge = one.judge AND two.place > one.place
    GROUP BY ALL
)
SELECT coalesce(names.name, judge) AS judge, first, second, if(isfinite(correlation), correlation, NULL) AS correlation, n
FROM correlated LEFT JOIN (SELECT key, max(name) AS name FROM judges GROUP BY key) AS names ON names.key = judge
ORDER BY names.name, judge, first_place, second_place
