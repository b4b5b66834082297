-- The drift from round to round, in one row: `fresh` is the mean score, in hundredths, that the judge of the pairs gives the
-- generator's responses to prompts that are not held out; `margin` is the mean margin of the pairs; `shared` is the share of
-- the generator's prompts that a generator of an $earlier round has answered too. Each is null if unknown. The last digits
-- of a mean of doubles depend on the order of the sum, so they are rounded away.
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
