-- Every response to an active prompt, with its points: pairs and reasons are made from these rows. `prompt` and `response`
-- are row numbers of those tables; keys are looked up only for rows that are written. `complete` responses have every
-- criterion with weight; if the strategy is $unjudged, all are, with null points. `vetoed` ones (below a floor, cut off, refused) may be rejected but never chosen. `coin` is a
-- random number that depends only on the seed and the answer: two halves of the answer key's first digits, each times $stir
-- modulo the prime 2^31 - 1. `repeated`, and `scores` if the strategy reads them, come from `answer_points`.
-- The optimizer is off so that points are looked up for responses and not the other way round. Rows then keep the order in
-- which responses are stored, with those of a prompt together, and all later grouping by prompt takes half the time.
SET disabled_optimizers = 'build_side_probe_side';

CREATE OR REPLACE TEMP TABLE answers AS
WITH asked AS (SELECT prompts.rowid AS prompt, key FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key),
wanted AS (SELECT coalesce(bit_or(bit), 0) AS bits FROM weighed WHERE weight > 0),
mine AS (
    SELECT asked.prompt, responses.rowid AS response, finish IS NOT DISTINCT FROM 'stop' AS finished,
        ((('0x' || substr(responses.answer, 1, 15))::BIGINT >> 30) * $stir % 2147483647) << 31
            | (('0x' || substr(responses.answer, 1, 15))::BIGINT & 1073741823) * $stir % 2147483647 AS coin,
        hash(responses.answer) AS digest, hash(substr(responses.answer, 1, 15)) AS prefix
    FROM responses
    JOIN asked ON asked.key = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
)
SELECT prompt, response, answer_points.points::DECIMAL(38, 6) AS points, finished,
    coalesce(below_floor, false) OR NOT finished AS vetoed,
    $unjudged OR coalesce(answer_points.bits & wanted.bits = wanted.bits, false) AS complete,
    true AS first, coin,
    answer_points.* EXCLUDE (digest, prefix, points, bits, below_floor)
FROM mine
CROSS JOIN wanted
LEFT JOIN answer_points ON answer_points.digest = mine.digest AND answer_points.prefix = mine.prefix;

RESET disabled_optimizers
