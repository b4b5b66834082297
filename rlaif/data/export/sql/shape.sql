-- A pairing's pairs in one row: how many, the shape of their margins (hundredths of the scale) and confidences, and what
-- length has to do with being chosen (characters; `longer` counts pairs whose chosen answer is the longer one).
SELECT count(*) AS pairs, count(DISTINCT prompt_id) AS prompts,
    min(margin)::DOUBLE AS least, median(margin)::DOUBLE AS middle, max(margin)::DOUBLE AS most,
    count(confidence) AS confident, median(confidence) AS confidence,
    avg(length(chosen)) AS chosen_length, avg(length(rejected)) AS rejected_length,
    count(*) FILTER (length(chosen) > length(rejected)) AS longer, count(*) FILTER (length(chosen) < length(rejected)) AS shorter
FROM pair_texts
