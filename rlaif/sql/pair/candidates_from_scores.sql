-- The responses that may enter pairs, one row per distinct answer, with their exact points: sum of factor * (score - low)
-- over the pairing's criteria. A response that lacks any criterion with weight is not here; `vetoed` ones (below a floor,
-- cut off) may be rejected but never chosen. `coin` breaks ties between equals, by the seed and nothing else.
CREATE OR REPLACE TEMP TABLE candidates AS
WITH scored AS (
    SELECT scores.answer,
        sum(criteria.factor * (scores.score - criteria.low)) AS points,
        sqrt(sum(power(criteria.factor * scores.spread, 2))) AS spread,
        bool_or(scores.score < criteria.floor) AS below_floor
    FROM latest_scores AS scores
    JOIN pairing_criteria AS criteria ON criteria.criterion = scores.criterion AND criteria.pairing = $pairing
    WHERE scores.judge = $judge AND scores.score IS NOT NULL
    GROUP BY scores.answer
    HAVING count(*) FILTER (criteria.weight > 0)
        = (SELECT count(*) FROM pairing_criteria WHERE pairing = $pairing AND weight > 0)
)
SELECT responses.prompt, min(responses.key) AS response, responses.answer,
    any_value(scored.points)::DECIMAL(38, 6) AS points,
    any_value(scored.spread) AS spread,
    coalesce(bool_or(scored.below_floor), false) OR bool_and(responses.finish IS DISTINCT FROM 'stop') AS vetoed,
    md5_number_lower($seed::VARCHAR || responses.answer) AS coin
FROM responses
JOIN current_prompts AS prompts ON prompts.key = responses.prompt
JOIN scored ON scored.answer = responses.answer
WHERE responses.failure IS NULL AND responses.generator IN (SELECT unnest($generators::VARCHAR[]))
GROUP BY responses.prompt, responses.answer
