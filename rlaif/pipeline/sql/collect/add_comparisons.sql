-- Adds the staged comparisons of answers to kept prompts in a range of positions. Each is one vote, even if two are equal.
INSERT INTO comparisons BY NAME
SELECT staged.prompt, first, second, judge, 'overall' AS criterion, preferred, probability::DECIMAL(18, 6) AS probability
FROM staged_comparisons AS staged
SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
WHERE staged.position >= $first AND staged.position < $last
ORDER BY staged.position;
