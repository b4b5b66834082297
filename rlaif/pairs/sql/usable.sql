-- Over the responses (different texts) of these generators to active prompts: how many there are, how many a judge has
-- tried, how many have a usable score or comparison by it, and its most frequent failure.
WITH mine AS (
    SELECT DISTINCT answer FROM responses SEMI JOIN active_prompts ON active_prompts.prompt = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
),
given AS (
    SELECT answer, value IS NOT NULL AS usable, failure FROM scores WHERE judge = $judge
    UNION ALL
    SELECT unnest([first, second]), preferred IS NOT NULL, failure FROM comparisons WHERE judge = $judge
)
SELECT (SELECT count(*) FROM mine) AS responses, count(DISTINCT answer) AS tried,
    count(DISTINCT answer) FILTER (usable) AS usable, mode(failure) AS failure
FROM given SEMI JOIN mine ON mine.answer = given.answer
