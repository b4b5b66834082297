-- Statistics of a pairing's pairs in one row: number, margins (hundredths of the scale), confidences, and lengths in
-- characters (`longer` counts pairs whose chosen response is longer).
SELECT count(*) AS pairs, count(DISTINCT prompt_id) AS prompts,
    min(margin)::DOUBLE AS least, median(margin)::DOUBLE AS middle, max(margin)::DOUBLE AS most,
    count(confidence) AS confident, median(confidence) AS confidence,
    avg(length(chosen)) AS chosen_length, avg(length(rejected)) AS rejected_length,
    count(*) FILTER (length(chosen) > length(rejected)) AS longer, count(*) FILTER (length(chosen) < length(rejected)) AS shorter
FROM pair_texts
