-- Soft labels: the preference form with the probability that the chosen response is better, for losses that use one
-- (conservative DPO: Mitchell 2023). Pairs without a probability are left out.
SELECT prompt, chosen, rejected, tools, confidence AS probability, score_chosen, score_rejected, margin,
    criterion_scores_chosen, criterion_scores_rejected, rationales_chosen, rationales_rejected, comparison_rationales,
    chosen_generator, rejected_generator, judge, source, metadata, prompt_id, pair_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop AND confidence IS NOT NULL
ORDER BY place
