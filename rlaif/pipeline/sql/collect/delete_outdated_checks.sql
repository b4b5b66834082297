-- Deletes the scores of known prompts whose metadata has changed, by checks that may read it: those with an argument from a
-- column, and Python functions. Running them again costs nothing.
CREATE OR REPLACE TEMP TABLE outdated AS
SELECT DISTINCT scores.verdict
FROM scores
JOIN judgeable ON judgeable.answer = scores.answer
SEMI JOIN (
    SELECT prompts.key FROM prompts
    JOIN staged_prompts AS staged ON staged.key = prompts.key
    SEMI JOIN kept ON kept.position = staged.position
    WHERE prompts.metadata <> staged.metadata
) AS changed ON changed.key = judgeable.prompt
SEMI JOIN (
    SELECT key FROM criteria
    WHERE kind = 'check' AND (contains(spec ->> '$.function', ':') OR regexp_matches(spec ->> '$.options', '\{"column": ?"'))
) AS reading ON reading.key = scores.criterion;
DELETE FROM scores WHERE verdict IN (FROM outdated);
DELETE FROM verdicts WHERE key IN (FROM outdated)
