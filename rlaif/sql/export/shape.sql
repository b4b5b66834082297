-- A pairing's pairs in one row: how many, the shape of their margins (hundredths of the scale) and confidences, and what
-- length has to do with being chosen (characters; `longer` counts pairs whose chosen answer is the longer one).
WITH sides AS (
    SELECT pairs.prompt, pairs.margin, pairs.confidence, length(chosen.text) AS chosen, length(rejected.text) AS rejected
    FROM pairs
    JOIN responses AS chosen ON chosen.key = pairs.chosen AND chosen.failure IS NULL
    JOIN responses AS rejected ON rejected.key = pairs.rejected AND rejected.failure IS NULL
    WHERE pairing = $pairing
)
SELECT count(*) AS pairs, count(DISTINCT prompt) AS prompts,
    min(margin)::DOUBLE AS least, median(margin)::DOUBLE AS middle, max(margin)::DOUBLE AS most,
    count(confidence) AS confident, median(confidence) AS confidence,
    avg(chosen) AS chosen_length, avg(rejected) AS rejected_length,
    count(*) FILTER (chosen > rejected) AS longer, count(*) FILTER (chosen < rejected) AS shorter
FROM sides
