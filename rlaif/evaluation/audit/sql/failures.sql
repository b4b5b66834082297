-- What became of the judgements that a voice owed, one row per block of prompts and size of what was shown (request,
-- document and answer, in characters: below 1, 4, 16, 64 thousand, or above, as the number of these that it reaches):
-- how many scores and comparisons there are, and a map from failure kind to how many failed so.
WITH judged AS (
    SELECT answer, judge, criterion, failure FROM latest_scores
    UNION ALL
    SELECT first, judge, criterion, if(count(preferred) > 0, NULL, arg_max(failure, attempt))
    FROM comparisons SEMI JOIN audit_answers ON audit_answers.answer = comparisons.second
    GROUP BY first, second, judge, criterion, repeat
)
SELECT (shown >= 1000)::INT + (shown >= 4000)::INT + (shown >= 16000)::INT + (shown >= 64000)::INT AS size,
    count(*) AS scores, count(failure) AS failed, histogram(failure) FILTER (failure IS NOT NULL) AS kinds
FROM judged JOIN audit_parts USING (judge, criterion) JOIN audit_answers USING (answer)
    JOIN audit_blocks USING (prompt)
WHERE voice = $voice
GROUP BY size, block
ORDER BY size, block
