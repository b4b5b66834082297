-- Chosen responses only, for supervised fine-tuning: one row per distinct chosen response.
SELECT prompt, chosen AS completion, tools, score_chosen AS score, criterion_scores_chosen AS criterion_scores,
    rationales_chosen AS rationales, chosen_generator AS generator, judge, source, metadata,
    prompt_id, pair_id, chosen_id AS response_id
FROM export WHERE split = $split AND place >= $start AND place < $stop
    AND place IN (SELECT min(place) FROM pair_texts WHERE split = $split GROUP BY chosen_id)
ORDER BY place
