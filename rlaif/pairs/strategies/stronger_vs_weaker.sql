-- A random response of the stronger generator against a random one of the weaker generator, drawn by the seed, without any
-- judge: the contrast between the two models is the label (delta learning, Geng et al. 2025, arXiv 2507.06187). Responses that
-- were cut off or refused are never chosen, and a text that both generators wrote is in no pair. The pairs have no margin. At
-- most $per_prompt pairs per prompt, each of other responses.
-- judge: none
-- $strong: the name of the generator whose responses are chosen.
-- $weak: the name of the generator whose responses are rejected.
WITH written AS (
    SELECT prompt, response, vetoed, coin, list_contains(written_by, $strong) AS strong
    FROM candidates
    WHERE list_contains(written_by, $strong) <> list_contains(written_by, $weak)
),
chosen AS (
    SELECT prompt, response, row_number() OVER (PARTITION BY prompt ORDER BY coin) AS place
    FROM written WHERE strong AND NOT vetoed
),
rejected AS (
    SELECT prompt, response, row_number() OVER (PARTITION BY prompt ORDER BY coin) AS place FROM written WHERE NOT strong
)
SELECT chosen.prompt, chosen.response AS chosen, rejected.response AS rejected, 1 AS lead
FROM chosen JOIN rejected ON rejected.prompt = chosen.prompt AND rejected.place = chosen.place
WHERE chosen.place <= $per_prompt
