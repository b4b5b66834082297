-- The responses that may enter pairs, one row per distinct answer, with their exact points: sum of factor * (score - low)
-- over the pairing's criteria. A response that lacks any criterion with weight is not here; `vetoed` ones (below a floor,
-- cut off, refused) may be rejected but never chosen. `spread` is the points' standard deviation as a share of the scale,
-- where every criterion tells one. `coin` breaks ties between equals, by the seed and nothing else.
-- `repeated` tells that an answer has several scores of one criterion, so that their means have to be taken first.
-- An answer's key covers its prompt, so that scores and responses meet in one grouping.
CREATE OR REPLACE TEMP TABLE candidates AS
WITH facts AS (
    SELECT answer, NULL AS prompt, NULL AS response, NULL AS finished, bit, weight > 0 AS weighs,
        factor * (score - low) AS points, CAST(share * spread AS DECIMAL(18, 9)) AS spread, score < floor AS below_floor
    FROM scored JOIN weighed ON weighed.criterion = scored.criterion
    UNION ALL
    SELECT answer, prompt, key, finish IS NOT DISTINCT FROM 'stop', NULL, NULL, NULL, NULL, NULL
    FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
)
SELECT any_value(prompt) AS prompt, min(response) AS response, answer,
    sum(points)::DECIMAL(38, 6) AS points,
    CASE WHEN count(spread) FILTER (weighs) = count(*) FILTER (weighs) THEN sqrt(sum(spread * spread) FILTER (weighs)) END AS spread,
    coalesce(bool_or(finished), false) AS finished,
    coalesce(bool_or(below_floor), false) OR NOT coalesce(bool_or(finished), false) AS vetoed,
    count(bit) > bit_count(bit_or(bit)) AS repeated,
    md5_number_lower($seed::VARCHAR || answer) AS coin
FROM facts
GROUP BY answer
HAVING any_value(prompt) IS NOT NULL AND bit_or(bit) FILTER (weighs) = (SELECT bit_or(bit) FROM weighed WHERE weight > 0)
