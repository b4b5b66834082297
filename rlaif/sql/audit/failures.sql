-- What became of the scores that a voice owed, one row per block of prompts and size of what was shown (request,
-- document and answer, in characters: below 1, 4, 16, 64 thousand, or above, as the number of these that it reaches):
-- how many there are, and a map from failure kind to how many failed so.
SELECT (shown >= 1000)::INT + (shown >= 4000)::INT + (shown >= 16000)::INT + (shown >= 64000)::INT AS size,
    count(*) AS scores, count(failure) AS failed, histogram(failure) FILTER (failure IS NOT NULL) AS kinds
FROM latest_scores AS scores JOIN audit_parts USING (judge, criterion) JOIN audit_answers USING (answer)
    JOIN audit_blocks USING (prompt)
WHERE voice = $voice
GROUP BY size, block
ORDER BY size, block
