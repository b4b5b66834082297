-- Position bias of a judge that compares, one row per block of prompts: pairs shown in both orders, and how many of them had
-- the same result; and, of all comparisons that are not ties, those won by the response shown first. Attacked responses are
-- excluded.
WITH mine AS (
    SELECT judge, criterion FROM audit_parts WHERE voice = $voice
    UNION ALL SELECT judge, NULL FROM audit_comparing WHERE voice = $voice
),
shown AS (
    SELECT prompt, criterion, first, second, sign(sum(CASE preferred WHEN 'tie' THEN 0 WHEN 'first' THEN 1 ELSE -1 END)) AS vote,
        count(*) FILTER (preferred = 'first') AS first_won, count(*) FILTER (preferred <> 'tie') AS decided
    FROM comparisons
    SEMI JOIN mine ON mine.judge = comparisons.judge AND (mine.criterion IS NULL OR mine.criterion = comparisons.criterion)
    SEMI JOIN current_prompts ON current_prompts.key = comparisons.prompt
    WHERE preferred IS NOT NULL AND first IN (SELECT answer FROM audit_answers) AND second IN (SELECT answer FROM audit_answers)
    GROUP BY prompt, criterion, first, second
)
SELECT count(*) FILTER (one.first < one.second AND two.vote IS NOT NULL) AS swapped,
    count(*) FILTER (one.first < one.second AND two.vote = -one.vote) AS same,
    sum(one.first_won) AS first_won, sum(one.decided) AS decided
FROM shown AS one JOIN audit_blocks ON audit_blocks.prompt = one.prompt
    LEFT JOIN shown AS two ON two.prompt = one.prompt AND two.criterion = one.criterion
        AND two.first = one.second AND two.second = one.first
GROUP BY block
ORDER BY block
