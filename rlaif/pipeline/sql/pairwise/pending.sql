-- The pending comparisons of a judge, by prompt, so that servers can reuse the shared prefix. Two answers with different
-- texts are compared in both orders, $repeats times. In a round robin, every two answers are compared. In a `knock_out`,
-- pairings follow from the rounds that the store has results for. If $against is a generator, each of its answers is
-- compared with each of the others', whatever the schedule, because the results of knock-out winners are not a mean. An
-- answer that was altered to mislead the judge is compared only with its original. A comparison is pending if it has no
-- verdict, or only transient failures that were tried fewer than $attempts times; attempts from before a `rlaif retry` do
-- not count. $criteria is a list of {criterion, schedule}. $generators selects whose responses are compared: of each prompt
-- the first $samples (all if null), and of these only $answers if it is not null. `pending` is the number of
-- pending comparisons.
WITH RECURSIVE criteria AS (
    SELECT unnest($criteria::STRUCT(criterion VARCHAR, schedule VARCHAR)[], recursive := true)
),
prompts AS (
    SELECT key AS prompt, position FROM current_prompts WHERE bucket < $held_out
    ORDER BY position LIMIT coalesce($limit::BIGINT, 9223372036854775807)
),
-- Places follow the digest, which is independent of the text's quality.
answers AS (
    SELECT prompt, answer, its, others, row_number() OVER (PARTITION BY prompt ORDER BY answer) - 1 AS place, count(*) OVER (PARTITION BY prompt) AS size
    FROM (
        SELECT responses.prompt, answer, bool_or(generator = $against) AS its, bool_or(generator <> $against) AS others
        FROM responses SEMI JOIN prompts ON prompts.prompt = responses.prompt
        WHERE failure IS NULL AND generator IN (SELECT unnest($generators::VARCHAR[]))
            AND sample < coalesce($samples::BIGINT, 9223372036854775807)
            AND ($answers::VARCHAR[] IS NULL OR answer IN (SELECT unnest($answers::VARCHAR[])))
            AND ($after::VARCHAR IS NULL OR responses.prompt IN (SELECT prompt FROM cascade_escalations WHERE judge = $judge AND before = $after))
        GROUP BY responses.prompt, answer
    )
),
made AS (
    SELECT criterion, first, second, repeat, count(failure) AS attempts, arg_max(failure, attempt) AS failure,
        any_value(coalesce(probability, CASE preferred WHEN 'first' THEN 1 WHEN 'tie' THEN 0.5 WHEN 'second' THEN 0 END)) AS worth
    FROM comparisons SEMI JOIN criteria USING (criterion)
    WHERE judge = $judge
    GROUP BY criterion, first, second, repeat
),
tried AS (
    SELECT made.*, worth IS NOT NULL OR (made.attempts <> coalesce(forgiven.attempts, 0) AND (
        made.attempts - coalesce(forgiven.attempts, 0) >= $attempts OR NOT list_contains($transient::VARCHAR[], failure))) AS done
    FROM made LEFT JOIN forgiven_attempts AS forgiven ON worth IS NULL AND forgiven.unit = concat_ws('/', first, second, $judge, criterion, repeat)
),
-- The result of every two answers that were compared in both orders, for the first by digest. One order alone does not
-- count.
matches AS (
    SELECT one.criterion, one.first AS one, one.second AS other, sum(one.worth - two.worth) AS lead
    FROM tried AS one JOIN tried AS two ON two.criterion = one.criterion AND two.repeat = one.repeat
        AND two.first = one.second AND two.second = one.first
    WHERE one.first < one.second AND one.done AND two.done AND one.repeat < $repeats
    GROUP BY one.criterion, one.first, one.second HAVING count(*) = $repeats
),
-- In a round, places 0 and 1 meet, 2 and 3, and so on; the last of an odd number advances. Of two that tie, the first by
-- digest advances.
rounds AS (
    SELECT prompt, criterion, answer, place, size FROM answers CROSS JOIN criteria
    WHERE schedule = 'knock_out' AND $against::VARCHAR IS NULL
    UNION ALL
    SELECT one.prompt, one.criterion, if(coalesce(lead, 0) >= 0, one.answer, two.answer), one.place // 2, (one.size + 1) // 2
    FROM rounds AS one
    LEFT JOIN rounds AS two ON two.prompt = one.prompt AND two.criterion = one.criterion AND two.place = one.place + 1
    LEFT JOIN matches ON matches.criterion = one.criterion AND matches.one = one.answer AND matches.other = two.answer
    WHERE one.place % 2 = 0 AND one.size > 1 AND (matches.one IS NOT NULL OR one.place = one.size - 1)
),
two AS (
    SELECT prompt, criterion, one.answer AS one, other.answer AS other
    FROM answers AS one JOIN answers AS other USING (prompt) CROSS JOIN criteria
    WHERE one.place < other.place
        AND if($against IS NULL, schedule = 'round_robin', (one.its AND other.others) OR (other.its AND one.others))
    UNION ALL
    SELECT prompt, criterion, one.answer, other.answer
    FROM rounds AS one JOIN rounds AS other USING (prompt, criterion, size)
    WHERE one.place % 2 = 0 AND other.place = one.place + 1
    UNION ALL
    SELECT DISTINCT prompt, criterion, original, answer
    FROM attacks CROSS JOIN criteria SEMI JOIN prompts USING (prompt)
    WHERE judge = $judge AND list_contains($generators::VARCHAR[], 'attack:' || judge)
),
units AS (
    SELECT prompt, criterion, first, second, repeat, coalesce(tried.attempts, 0) AS attempt
    FROM (
        SELECT prompt, criterion, one AS first, other AS second FROM two
        UNION ALL SELECT prompt, criterion, other, one FROM two
    ) CROSS JOIN (SELECT unnest(range($repeats::BIGINT)) AS repeat)
    LEFT JOIN tried USING (criterion, first, second, repeat)
    WHERE NOT coalesce(done, false)
)
SELECT units.*, count(*) OVER () AS pending
FROM units JOIN prompts USING (prompt)
ORDER BY position, first, second, criterion, repeat
