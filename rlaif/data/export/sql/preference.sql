-- TRL's explicit conversational preference form, for DPO and ORPO: prompt, chosen and rejected are lists of messages.
SELECT prompt, chosen, rejected, tools, score_chosen, score_rejected, margin, confidence,
    criterion_scores_chosen, criterion_scores_rejected, rationales_chosen, rationales_rejected, comparison_rationales,
    chosen_generator, rejected_generator, judge, source, metadata, prompt_id, pair_id, chosen_id, rejected_id
FROM export WHERE split = $split AND place >= $start AND place < $stop
ORDER BY place
