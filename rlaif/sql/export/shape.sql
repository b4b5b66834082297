-- A pairing's pairs in one row: how many, the shape of their margins (hundredths of the scale) and confidences, and what
-- length has to do with being chosen (characters; `longer` counts pairs whose chosen answer is the longer one).
WITH mine AS (FROM pairs WHERE pairing = $pairing),
lengths AS MATERIALIZED (
    SELECT key, length(text) AS length FROM responses
    WHERE failure IS NULL AND key IN (SELECT unnest([chosen, rejected]) FROM mine)
),
sides AS (
    SELECT mine.prompt, mine.margin, mine.confidence, chosen.length AS chosen, rejected.length AS rejected
    FROM mine
    JOIN lengths AS chosen ON chosen.key = mine.chosen
    JOIN lengths AS rejected ON rejected.key = mine.rejected
)
SELECT count(*) AS pairs, count(DISTINCT prompt) AS prompts,
    min(margin)::DOUBLE AS least, median(margin)::DOUBLE AS middle, max(margin)::DOUBLE AS most,
    count(confidence) AS confident, median(confidence) AS confidence,
    avg(chosen) AS chosen_length, avg(rejected) AS rejected_length,
    count(*) FILTER (chosen > rejected) AS longer, count(*) FILTER (chosen < rejected) AS shorter
FROM sides
