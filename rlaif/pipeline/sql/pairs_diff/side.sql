-- One pairing in one row: number of pairs, mean margin (hundredths of the scale), and how length relates to being chosen
-- (mean lengths in characters; `longer` is the share of pairs whose chosen answer is the longer one).
WITH texts AS (SELECT key, min(text) AS text FROM responses WHERE failure IS NULL GROUP BY key)
SELECT count(*) AS pairs, count(DISTINCT pairs.prompt) AS prompts, avg(margin)::DOUBLE AS margin,
    avg(length(chosen.text)) AS chosen_length, avg(length(rejected.text)) AS rejected_length,
    avg((length(chosen.text) > length(rejected.text))::INT) AS longer
FROM pairs
JOIN texts AS chosen ON chosen.key = pairs.chosen
JOIN texts AS rejected ON rejected.key = pairs.rejected
WHERE pairing = $pairing
