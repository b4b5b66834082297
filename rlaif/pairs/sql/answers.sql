-- Every response to a prompt in play, with its points: what pairs and reasons are made from. `prompt` and `response` are row
-- numbers of those tables: keys come back only for what is written. `complete` ones have every criterion with weight.
-- `vetoed` ones (below a floor, cut off, refused) may be rejected but never chosen. `coin` is drawn by the seed and nothing
-- else: two halves of the answer key's first digits, each times $stir modulo the prime 2^31 - 1. `scores` are those by
-- every criterion with weight, in the order of the criteria's names, where a strategy asks for them.
--
-- The points are what is looked up, never the responses: so the rows keep the order in which responses are stored, those of a
-- prompt lie together, and all that is grouped by prompt after this takes half the time.
SET disabled_optimizers = 'build_side_probe_side';

CREATE OR REPLACE TEMP TABLE answers AS
WITH asked AS (SELECT prompts.rowid AS prompt, key FROM prompts SEMI JOIN active_prompts ON active_prompts.prompt = prompts.key),
wanted AS (SELECT coalesce(bit_or(bit), 0) AS bits FROM weighed WHERE weight > 0)
SELECT asked.prompt, responses.rowid AS response, answer_points.points::DECIMAL(38, 6) AS points,
    finish IS NOT DISTINCT FROM 'stop' AS finished,
    coalesce(below_floor, false) OR NOT finished AS vetoed,
    coalesce(answer_points.bits & wanted.bits = wanted.bits, false) AS complete,
    true AS first, repeated,
    ((('0x' || substr(responses.answer, 1, 15))::BIGINT >> 30) * $stir % 2147483647) << 31
        | (('0x' || substr(responses.answer, 1, 15))::BIGINT & 1073741823) * $stir % 2147483647 AS coin,
    answer_points.scores
FROM responses
JOIN asked ON asked.key = responses.prompt
CROSS JOIN wanted
LEFT JOIN answer_points ON answer_points.answer = responses.answer
WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]));

RESET disabled_optimizers
