-- Consistency of a voice over repeats, one row per block of prompts: pairs of repeats of a score, pairs with equal values, and
-- the sum of the differences in hundredths of the scale. For a judge with permuted levels, `reversal` is the sum of the
-- second repeat (levels in falling order) minus the first (rising), over `reversed` pairs.
WITH repeats AS (
    SELECT prompt, answer, criterion, repeat, judge, (100 * (value::DOUBLE - low) / (high - low))::DECIMAL(9, 6) AS value
    FROM scores JOIN audit_parts USING (judge, criterion) JOIN audit_answers USING (answer)
    WHERE voice = $voice AND value IS NOT NULL
)
SELECT count(*) AS pairs, count(*) FILTER (one.value = two.value) AS same,
    sum(abs(one.value - two.value)) AS difference,
    count(*) FILTER (permuted AND (one.repeat, two.repeat) = (0, 1)) AS reversed,
    coalesce(sum(two.value - one.value) FILTER (permuted AND (one.repeat, two.repeat) = (0, 1)), 0) AS reversal
FROM repeats AS one JOIN repeats AS two USING (prompt, answer, criterion)
    JOIN audit_blocks USING (prompt)
    LEFT JOIN (SELECT key, spec->>'level_order' = 'permuted' AS permuted FROM judges) ON key = one.judge
WHERE one.repeat < two.repeat
GROUP BY block
ORDER BY block
