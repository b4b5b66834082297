-- One row per generator: numbers of responses, of failed ones, and of chosen and rejected ones in the pairs; mean words; and the
-- mean score of the judges whose scores make the pairs, in hundredths of the scale. A response in several pairs counts once per
-- pair.
WITH sides AS (
    SELECT chosen AS response, 1 AS won FROM report_pairs UNION ALL SELECT rejected, 0 FROM report_pairs
),
fates AS (SELECT response, sum(won)::BIGINT AS chosen, sum(1 - won)::BIGINT AS rejected FROM sides GROUP BY response),
scored AS (
    SELECT answer, avg(100 * (score - low) / (high - low))::DOUBLE AS score
    FROM report_scores WHERE labels AND score IS NOT NULL GROUP BY answer
)
SELECT writer AS generator, count(*) FILTER (failure IS NULL) AS responses, count(failure) AS failed,
    coalesce(sum(chosen), 0)::BIGINT AS chosen, coalesce(sum(rejected), 0)::BIGINT AS rejected, avg(scored.score) AS score,
    avg(len(regexp_extract_all(text, '{SQL_WORD}'))) FILTER (failure IS NULL) AS words
FROM report_responses AS responses
    LEFT JOIN fates ON fates.response = responses.key
    LEFT JOIN scored ON scored.answer = responses.answer
GROUP BY writer
ORDER BY responses DESC, writer
