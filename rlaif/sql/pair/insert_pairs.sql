-- The pairs that the strategy made (in `made`), with their margins and confidences. The confidence is the normal
-- probability of a positive lead given both spreads, by its logistic approximation (error below 0.01).
INSERT INTO pairs
SELECT $pairing, made.prompt, made.chosen, made.rejected,
    CASE WHEN $denominator > 0 THEN CAST(100 * made.lead / $denominator AS DECIMAL(18, 6)) END,
    CASE WHEN chosen.spread > 0 OR rejected.spread > 0
        THEN 1 / (1 + exp(-1.702 * made.lead / sqrt(power(chosen.spread, 2) + power(rejected.spread, 2)))) END
FROM made
JOIN candidates AS chosen ON chosen.response = made.chosen
JOIN candidates AS rejected ON rejected.response = made.rejected
JOIN prompts ON prompts.key = made.prompt
ORDER BY prompts.position, made.lead DESC, made.chosen, made.rejected
