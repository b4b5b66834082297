-- RewardBench: a prompt with a chosen and a rejected response.
-- card: allenai/reward-bench (ODC-BY)
-- columns: prompt, chosen, rejected, chosen_model, rejected_model, subset
-- optional: id
-- labels: `chosen` is better than `rejected`.
SELECT
    prompt,
    [chosen, rejected] AS responses,
    [as_text(chosen_model), as_text(rejected_model)] AS generators,
    [preference(1, 2, 'rewardbench', NULL, false)] AS preferences,
    {subset: subset, id: id} AS metadata
FROM source
