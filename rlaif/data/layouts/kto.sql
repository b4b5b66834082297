-- TRL's unpaired preferences, as KTO uses them: a completion and whether it is desirable.
-- card: trl-lib/kto-mix-14k (MIT); TRL, "unpaired preference"
-- columns: prompt, completion, label
-- optional: tools
-- labels: true (or 1) means desirable, which is stored as a score of 1, and false (or 0) as a score of 0.
SELECT
    prompt,
    [completion] AS responses,
    [score(1, 'kto', 'desirable', to_json(as_code(label)), 0, 1)] AS scores,
    tools,
    unknown(as_code(label), ['1', '0'], 'label') AS error
FROM source
