-- The fate of each pair between the pairings $a and $b, one row per pair of answers: same, flipped (the other answer is
-- chosen), lost (only in $a) or gained (only in $b). `chosen` and `rejected` are the labels of $a, or of $b for gained
-- pairs. `why` is what the other pairing has for the prompt instead: other pairs, or its outcome.
CREATE OR REPLACE TEMP TABLE diff AS
WITH texts AS (SELECT key, min(answer) AS answer FROM responses WHERE failure IS NULL GROUP BY key),
sides AS (
    SELECT pairs.pairing, pairs.prompt, chosen.answer AS chosen, rejected.answer AS rejected, margin,
        least(chosen.answer, rejected.answer) AS one, greatest(chosen.answer, rejected.answer) AS other
    FROM pairs
    JOIN texts AS chosen ON chosen.key = pairs.chosen
    JOIN texts AS rejected ON rejected.key = pairs.rejected
    WHERE pairs.pairing IN ($a, $b)
),
a AS (FROM sides WHERE pairing = $a),
b AS (FROM sides WHERE pairing = $b),
matched AS (
    SELECT coalesce(a.prompt, b.prompt) AS prompt, coalesce(a.chosen, b.chosen) AS chosen,
        coalesce(a.rejected, b.rejected) AS rejected, a.margin AS margin_a, b.margin AS margin_b,
        CASE WHEN a.prompt IS NULL THEN 'gained' WHEN b.prompt IS NULL THEN 'lost'
            WHEN a.chosen = b.chosen THEN 'same' ELSE 'flipped' END AS fate,
        if(a.prompt IS NULL, $a, $b) AS against
    FROM a FULL JOIN b ON b.prompt = a.prompt AND b.one = a.one AND b.other = a.other
),
instead AS (
    SELECT pairing, prompt, list(chosen) AS chosen, list(rejected) AS rejected FROM sides GROUP BY pairing, prompt
),
outcome AS (
    SELECT pairing, prompt, any_value(reason) AS outcome FROM reasons
    WHERE response IS NULL AND pairing IN ($a, $b) GROUP BY pairing, prompt
)
SELECT matched.* EXCLUDE (against), CASE
        WHEN fate IN ('same', 'flipped') THEN NULL
        WHEN list_contains(instead.chosen, matched.chosen) THEN 'another answer is rejected'
        WHEN list_contains(instead.rejected, matched.rejected) THEN 'another answer is chosen'
        WHEN instead.prompt IS NOT NULL THEN 'both answers are others'
        ELSE 'prompt: ' || coalesce(outcome.outcome, 'not in the pairing')
    END AS why
FROM matched
LEFT JOIN instead ON instead.pairing = against AND instead.prompt = matched.prompt
LEFT JOIN outcome ON outcome.pairing = against AND outcome.prompt = matched.prompt
