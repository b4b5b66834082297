-- Agreement of two judges on the order of pairs of responses to a prompt: counts of pairs in the same order, in opposite order,
-- and tied by either judge; and counts of prompts. A judge orders responses by the mean of its criteria, in hundredths of their
-- ranges and equally weighted, over responses that have them all. A judge without scores orders them by won comparisons; of a
-- model's comparisons, only those made in both orders count.
WITH named AS (
    SELECT judge, criteria.*
    FROM criteria JOIN (SELECT DISTINCT judge, criterion FROM scores) AS used ON used.criterion = criteria.key
    WHERE judge IN ($first, $second)
    QUALIFY criteria.rowid = max(criteria.rowid) OVER (PARTITION BY judge, name)
),
points AS (
    SELECT scores.judge, answer, round(avg(100 * (score - low) / (high - low)), 6) AS points
    FROM latest_scores AS scores JOIN named ON named.judge = scores.judge AND named.key = scores.criterion
    GROUP BY scores.judge, answer
    HAVING count(score) = (SELECT count(*) FROM named WHERE named.judge = scores.judge)
),
placed AS (
    SELECT DISTINCT judge, points.answer, responses.prompt, points
    FROM points JOIN responses ON responses.answer = points.answer
    SEMI JOIN current_prompts ON current_prompts.key = responses.prompt
),
orders AS (
    SELECT one.judge, one.prompt, one.answer AS a, two.answer AS b, sign(one.points - two.points) AS lead
    FROM placed AS one JOIN placed AS two
        ON two.judge = one.judge AND two.prompt = one.prompt AND two.answer > one.answer
    UNION ALL
    SELECT judge, prompt, least(first, second), greatest(first, second), sign(sum(
        CASE preferred WHEN 'tie' THEN 0 WHEN 'first' THEN 1 ELSE -1 END * CASE WHEN first < second THEN 1 ELSE -1 END))
    FROM comparisons SEMI JOIN current_prompts ON current_prompts.key = comparisons.prompt
    WHERE judge IN ($first, $second) AND preferred IS NOT NULL AND judge NOT IN (SELECT judge FROM placed)
    GROUP BY judge, prompt, least(first, second), greatest(first, second)
    HAVING count(verdict) = 0 OR count(DISTINCT first) = 2
)
SELECT count(*) AS pairs, count(*) FILTER (one.lead * two.lead > 0) AS same,
    count(*) FILTER (one.lead * two.lead < 0) AS opposite, count(*) FILTER (one.lead * two.lead = 0) AS tied,
    count(DISTINCT one.prompt) AS prompts, count(DISTINCT one.prompt) FILTER (one.lead * two.lead < 0) AS flipped
FROM orders AS one JOIN orders AS two ON two.prompt = one.prompt AND two.a = one.a AND two.b = one.b
WHERE one.judge = $first AND two.judge = $second
