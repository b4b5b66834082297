-- Replaces the prompts by the staged ones, deletes what the last collection imported, and records what was dropped. The table
-- `kept` holds the positions of the staged prompts that are not near duplicates. The staged responses, scores and comparisons
-- are only numbered here, without their texts, which may not fit in memory; add_*.sql add them in ranges of positions.

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
DELETE FROM verdicts WHERE key IN (FROM outdated);

-- Deletes what the last collection imported, except the prompts, which stay as facts. A response that is collected again
-- keeps the time of its first collection and the pairings that were made before it.
CREATE OR REPLACE TEMP TABLE came AS
SELECT key, min(created) AS created, min(coalesce(kept_after, 0)) AS kept_after
FROM responses SEMI JOIN (FROM generators WHERE spec = '{"kind": "imported"}') AS imported ON imported.key = generator
GROUP BY key;
DELETE FROM active_prompts;
DELETE FROM dropped;
DELETE FROM responses WHERE generator IN (SELECT key FROM generators WHERE spec = '{"kind": "imported"}');
DELETE FROM generators WHERE spec = '{"kind": "imported"}';
DELETE FROM verdicts WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}');
DELETE FROM scores WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}');
DELETE FROM comparisons WHERE judge IN (SELECT key FROM judges WHERE spec = '{"kind": "imported"}');
DELETE FROM judges WHERE spec = '{"kind": "imported"}';
DELETE FROM criteria WHERE kind = 'imported';
DELETE FROM meta WHERE name = 'collection';

-- Deletes known prompts whose metadata, which is not part of their key, has changed; they are added again with the new
-- metadata.
DELETE FROM prompts
USING staged_prompts AS staged, kept
WHERE staged.position = kept.position AND prompts.key = staged.key AND prompts.metadata <> staged.metadata;

-- Adds the kept prompts that are new, after all earlier ones.
INSERT INTO prompts BY NAME
SELECT staged.* REPLACE (staged.position + (SELECT coalesce(max(position) + 1, 0) FROM prompts) AS position)
FROM staged_prompts AS staged
SEMI JOIN kept ON kept.position = staged.position
ANTI JOIN prompts ON prompts.key = staged.key;

-- The prompts that the sources hold now.
INSERT INTO active_prompts
SELECT key FROM staged_prompts AS staged SEMI JOIN kept ON kept.position = staged.position;

-- The staged responses to kept prompts: each distinct answer of a generator once, numbered in the order of arrival.
CREATE OR REPLACE TEMP TABLE numbered_responses AS
SELECT position, row_number() OVER (PARTITION BY prompt, generator ORDER BY position) - 1 AS sample
FROM (
    SELECT prompt, generator, key, min(position) AS position
    FROM staged_responses AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
    GROUP BY prompt, generator, key
);

-- The staged verdicts on answers to kept prompts. Several verdicts of one judge on one answer are repeats.
CREATE OR REPLACE TEMP TABLE numbered_verdicts AS
SELECT position, row_number() OVER (PARTITION BY judge, answer ORDER BY position) - 1 AS repeat
FROM (
    SELECT judge, answer, position FROM staged_verdicts AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
);

-- Dropped rows with their reasons: rows that cannot be used, duplicates, and rows that belong to a near duplicate.
INSERT INTO dropped BY NAME
WITH lost AS (
    SELECT source, key, normal_key FROM staged_prompts AS staged
    ANTI JOIN kept ON kept.position = staged.position
),
firsts AS (
    SELECT key, normal_key FROM staged_prompts AS staged
    SEMI JOIN kept ON kept.position = staged.position
),
duplicates AS (
    SELECT lost.source, 'prompt' AS what,
        CASE WHEN lost.key = firsts.key THEN 'duplicate' ELSE 'near duplicate' END AS reason, firsts.key AS detail
    FROM lost JOIN firsts ON firsts.normal_key = lost.normal_key
),
followers AS (
    SELECT 'response' AS what, source, prompt FROM staged_responses
    UNION ALL SELECT 'score', verdicts.source, verdicts.prompt FROM staged_scores AS scores
        JOIN staged_verdicts AS verdicts ON verdicts.position = scores.verdict
    UNION ALL SELECT 'comparison', source, prompt FROM staged_comparisons
),
repeated AS (
    SELECT source, key, position FROM staged_responses AS staged
    SEMI JOIN active_prompts ON active_prompts.prompt = staged.prompt
    QUALIFY row_number() OVER (PARTITION BY staged.key ORDER BY staged.position) > 1
)
SELECT source, what, reason, detail FROM staged_dropped
UNION ALL SELECT source, what, reason, detail FROM duplicates
UNION ALL SELECT source, what, 'near duplicate', NULL FROM followers ANTI JOIN active_prompts ON active_prompts.prompt = followers.prompt
UNION ALL SELECT source, 'response', 'duplicate', key FROM repeated;
