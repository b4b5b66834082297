-- The pending calls of a judge for these $answers (keys), whichever generator wrote them, each once. A call is pending if
-- one of its criteria has no score, or only transient failures that were tried fewer than $attempts times. $calls is a list
-- of {call, criteria}.
WITH wanted AS (
    SELECT answer, call, unnest(criteria) AS criterion
    FROM (SELECT unnest($calls::STRUCT(call INTEGER, criteria VARCHAR[])[], recursive := true))
        CROSS JOIN (SELECT unnest($answers::VARCHAR[]) AS answer)
),
known AS (
    SELECT answer, criterion, bool_or(value IS NOT NULL) AS made, count(*) AS attempts, arg_max(failure, attempt) AS failure
    FROM scores
    WHERE judge = $judge AND repeat = 0 AND answer IN (SELECT unnest($answers::VARCHAR[]))
    GROUP BY answer, criterion
)
SELECT answer, call, max(coalesce(attempts, 0))::INTEGER AS attempt
FROM wanted LEFT JOIN known USING (answer, criterion)
WHERE known.answer IS NULL
    OR (NOT made AND attempts < $attempts AND failure IN (SELECT unnest($transient::VARCHAR[])))
GROUP BY answer, call
ORDER BY answer, call
