-- TRL's implicit form for reward models: whole conversations, with the margin as a share of the scale, from 0 to 1.
SELECT prompt || chosen AS chosen, prompt || rejected AS rejected, tools, margin / 100 AS margin, score_chosen, score_rejected,
    confidence, criterion_scores_chosen, criterion_scores_rejected, rationales_chosen, rationales_rejected,
    comparison_rationales, chosen_generator, rejected_generator, judge, source, metadata,
    prompt_id, pair_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place
