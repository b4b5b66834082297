-- UltraFeedback, binarized: a chosen and a rejected conversation with the overall scores of GPT-4.
-- card: HuggingFaceH4/ultrafeedback_binarized (MIT)
-- columns: prompt, chosen, rejected, score_chosen, score_rejected, prompt_id
-- optional: messages
-- types: chosen list, rejected list
-- labels: higher is better, from 0 to 10. The chosen response has the highest score; equal scores are a tie.
SELECT
    chosen AS prompt,
    [chosen, rejected] AS responses,
    [score(1, 'gpt-4', 'overall', score_chosen, 0, 10), score(2, 'gpt-4', 'overall', score_rejected, 0, 10)] AS scores,
    chosen_over_rejected('ultrafeedback', score_chosen, score_rejected) AS preferences,
    {prompt_id: prompt_id} AS metadata,
    coalesce(out_of_range(score_chosen, score_rejected, 0, 10), bad_order(score_chosen, score_rejected)) AS error
FROM source
