-- The pairs with the columns that forms select. Names in braces are filled in by `columns.py`.
CREATE OR REPLACE VIEW memory.export AS
SELECT split, place, {prompt} AS prompt, [{chosen}] AS chosen, [{rejected}] AS rejected, {tools} AS tools, margin, confidence,
    score_chosen, score_rejected,
    {criterion_scores_chosen} AS criterion_scores_chosen, {criterion_scores_rejected} AS criterion_scores_rejected,
    {rationales_chosen} AS rationales_chosen, {rationales_rejected} AS rationales_rejected, comparison_rationales,
    chosen_generator, rejected_generator, {judge} AS judge, source, {metadata} AS metadata,
    prompt_id, md5(chosen_id || rejected_id) AS pair_id, chosen_id, rejected_id
FROM pair_texts AS asked_texts
{joins}
