-- Orca DPO pairs: a system prompt, a question, and two responses.
-- card: Intel/orca_dpo_pairs (Apache-2.0); argilla/distilabel-intel-orca-dpo-pairs calls the question `input`
-- columns: system, question|input, chosen, rejected
-- optional: chosen_score, rating, status, in_gsm8k_train
-- labels: `chosen` is better than `rejected`; rows with status "tie" are ties.
SELECT
    to_json(CASE WHEN coalesce(trim(as_text(system)), '') = '' THEN [turn('user', question)] ELSE [turn('system', system), turn('user', question)] END) AS prompt,
    [chosen, rejected] AS responses,
    [preference(1, 2, 'orca', NULL, coalesce(as_text(status) = 'tie', false))] AS preferences,
    {status: status, in_gsm8k_train: in_gsm8k_train} AS metadata,
    CASE WHEN json_type(system) NOT IN ('VARCHAR', 'NULL') THEN 'no text in column ''system''' END AS error
FROM source
