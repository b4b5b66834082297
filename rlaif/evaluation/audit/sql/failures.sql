-- Failures of a voice's judgements, one row per block of prompts and size of the judge's input (request, document and
-- response): `size` is how many of the limits 1,000, 4,000, 16,000 and 64,000 characters it reaches. Counts scores and
-- comparisons, and maps each failure kind to its count.
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
