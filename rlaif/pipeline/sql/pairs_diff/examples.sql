-- Examples of pairs that changed, flipped ones first: at most $each per fate, drawn at random (the same in every run), with
-- texts truncated to $most characters.
WITH texts AS (SELECT answer, min(text) AS text FROM responses WHERE failure IS NULL GROUP BY answer),
drawn AS (
    FROM diff WHERE fate <> 'same'
    QUALIFY row_number() OVER (PARTITION BY fate ORDER BY md5(chosen || rejected)) <= $each
)
SELECT fate, why, drawn.prompt, left(prompts.request, $most) AS request,
    left(chosen.text, $most) AS chosen, left(rejected.text, $most) AS rejected,
    margin_a::DOUBLE AS margin_a, margin_b::DOUBLE AS margin_b
FROM drawn
JOIN prompts_readable AS prompts ON prompts.prompt = drawn.prompt
JOIN texts AS chosen ON chosen.answer = drawn.chosen
JOIN texts AS rejected ON rejected.answer = drawn.rejected
ORDER BY array_position(['flipped', 'lost', 'gained'], fate), md5(drawn.chosen || drawn.rejected)
