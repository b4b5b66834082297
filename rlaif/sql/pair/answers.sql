-- Every response to a prompt in play, with its points: what pairs and outcomes are made from. `complete` ones have every
-- criterion with weight. Of equal texts to a prompt one is the `first`. `vetoed` ones (below a floor, cut off, refused) may be
-- rejected but never chosen. `spread` is the points' standard deviation as a share of the scale, where every criterion tells
-- one. `coin` is drawn by the seed and nothing else: two halves of the key's first digits, each times $stir modulo the
-- prime 2^31 - 1.
CREATE OR REPLACE TEMP TABLE answers AS
WITH mine AS (
    SELECT prompt, key, answer, finish IS NOT DISTINCT FROM 'stop' AS finished
    FROM responses SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
    WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
),
again AS (SELECT answer FROM mine GROUP BY answer HAVING count(*) > 1),
firsts AS (
    SELECT answer, min(key) AS response, bool_or(finished) AS finished
    FROM mine SEMI JOIN again ON again.answer = mine.answer GROUP BY answer
),
wanted AS (SELECT coalesce(bit_or(bit), 0) AS bits FROM weighed WHERE weight > 0)
SELECT mine.prompt, mine.key AS response, mine.answer, pointed.points::DECIMAL(38, 6) AS points,
    CASE WHEN pointed.told & wanted.bits = wanted.bits THEN sqrt(variance) END AS spread,
    coalesce(firsts.finished, mine.finished) AS finished,
    coalesce(below_floor, false) OR NOT coalesce(firsts.finished, mine.finished) AS vetoed,
    coalesce(pointed.bits & wanted.bits = wanted.bits, false) AS complete,
    firsts.response IS NULL OR firsts.response = mine.key AS first,
    repeated,
    ((('0x' || mine.answer[:15])::BIGINT >> 30) * $stir % 2147483647) << 31
        | (('0x' || mine.answer[:15])::BIGINT & 1073741823) * $stir % 2147483647 AS coin,
    NULL::VARCHAR AS filtered
FROM mine
CROSS JOIN wanted
LEFT JOIN pointed ON pointed.answer = mine.answer
LEFT JOIN firsts ON firsts.answer = mine.answer
