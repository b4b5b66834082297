-- TRL's preference type: a chosen and a rejected completion, with an explicit or an implicit prompt.
-- card: TRL, "preference" (Apache-2.0)
-- columns: chosen, rejected
-- optional: prompt, tools, score_chosen, score_rejected, margin
-- labels: `chosen` is better than `rejected`; equal scores are a tie. Without a `prompt`, both are whole conversations.
SELECT
    CASE WHEN is_missing(prompt) AND json_type(chosen) <> 'ARRAY' THEN NULL WHEN is_missing(prompt) THEN chosen ELSE prompt END AS prompt,
    [chosen, rejected] AS responses,
    chosen_over_rejected('preference', score_chosen, score_rejected) AS preferences,
    tools,
    CASE
        WHEN is_missing(prompt) AND json_type(chosen) <> 'ARRAY' THEN 'texts without a prompt'
        ELSE bad_order(score_chosen, score_rejected)
    END AS error
FROM source
