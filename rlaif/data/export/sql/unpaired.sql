-- TRL's unpaired form, for KTO: one row per distinct response, labelled good or not. Responses that are chosen in one pair and
-- rejected in another are left out.
WITH good AS (
    SELECT chosen_id AS id, min(place) AS place FROM pair_texts WHERE split = $split GROUP BY chosen_id
),
bad AS (
    SELECT rejected_id AS id, min(place) AS place FROM pair_texts WHERE split = $split GROUP BY rejected_id
),
sides AS (
    SELECT place, true AS label, id FROM good ANTI JOIN bad USING (id)
    UNION ALL
    SELECT place, false, id FROM bad ANTI JOIN good USING (id)
)
SELECT prompt, if(label, chosen, rejected) AS completion, label, tools, if(label, score_chosen, score_rejected) AS score,
    if(label, criterion_scores_chosen, criterion_scores_rejected) AS criterion_scores,
    if(label, rationales_chosen, rationales_rejected) AS rationales,
    if(label, chosen_generator, rejected_generator) AS generator, judge, source, metadata, prompt_id, pair_id, id AS response_id
FROM export JOIN sides USING (place)
WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place, label DESC
