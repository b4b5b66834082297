-- How much the judge of the pairs varies: the pooled standard deviation of repeated scores of one response by one criterion
-- (`within`), beside that of the mean scores of all responses (`between`), in hundredths of the scale. No row without repeats.
WITH repeated AS (
    SELECT shown.criterion_key, var_samp(100 * (scores.value - low) / (high - low)) AS variance,
        avg(100 * (scores.value - low) / (high - low)) AS mean
    FROM report_scores AS shown
        JOIN scores ON scores.answer = shown.answer AND scores.judge = shown.judge_key AND scores.criterion = shown.criterion_key
    WHERE labels AND scores.value IS NOT NULL
    GROUP BY shown.criterion_key, shown.answer HAVING count(scores.value) > 1
),
criteria AS (SELECT count(*) AS n, avg(variance) AS within, var_samp(mean) AS between FROM repeated GROUP BY criterion_key)
SELECT sum(n)::BIGINT AS scores, sqrt(avg(within))::DOUBLE AS within, sqrt(avg(between))::DOUBLE AS between
FROM criteria HAVING count(*) > 0
