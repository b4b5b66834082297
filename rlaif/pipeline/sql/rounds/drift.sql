-- What changes from round to round, one row: `fresh`, the mean score in hundredths that the judge of the pairs gives the
-- writer's answers to prompts that are not held out; `margin`, the pairs' mean one; `shared`, the share of the writer's
-- prompts that a writer of an $earlier round has answered too. Null where nothing of the kind is known. A mean
-- of doubles depends on their order in its last digits, which are cut off.
WITH written AS (
    SELECT responses.prompt, responses.answer
    FROM responses JOIN current_prompts AS prompts ON prompts.key = responses.prompt
    WHERE generator = $writer AND responses.failure IS NULL AND bucket >= $held_out
),
scored AS (
    SELECT answer, sum(weight * 100 * (score - criteria.low) / (criteria.high - criteria.low)) / sum(weight) AS percent
    FROM latest_scores AS scores
    JOIN (FROM pairing_criteria WHERE pairing = $pairing AND weight > 0) AS weighed ON weighed.criterion = scores.criterion
    JOIN (SELECT key, max(low) AS low, max(high) AS high FROM criteria GROUP BY key) AS criteria ON criteria.key = scores.criterion
    WHERE judge = $judge AND score IS NOT NULL
    GROUP BY answer
    HAVING count(*) = (SELECT count(*) FROM pairing_criteria WHERE pairing = $pairing AND weight > 0)
)
SELECT
    (SELECT round(avg(percent), 6)::DOUBLE FROM written JOIN scored USING (answer)) AS fresh,
    (SELECT avg(margin)::DOUBLE FROM pairs WHERE pairing = $pairing) AS margin,
    (SELECT avg((prompt IN (SELECT prompt FROM responses WHERE generator IN (SELECT unnest($earlier::VARCHAR[]))))::INTEGER)
     FROM (SELECT DISTINCT prompt FROM written)) AS shared
