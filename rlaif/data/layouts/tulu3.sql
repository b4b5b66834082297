-- Tülu 3 preference mixes: two conversations that share all turns but the last one.
-- card: allenai/llama-3.1-tulu-3-8b-preference-mixture (ODC-BY)
-- columns: chosen, rejected, chosen_model, rejected_model
-- optional: id, source, prompt, prompt_id, chosen_rating, rejected_rating
-- absent: chosen-rating, generation_prompt, subset
-- types: chosen list, rejected list
-- labels: the last turn of `chosen` is better. Rows whose conversations differ earlier are dropped and counted.
SELECT
    chosen AS prompt,
    [chosen, rejected] AS responses,
    [as_text(chosen_model), as_text(rejected_model)] AS generators,
    chosen_over_rejected('tulu-3', chosen_rating, rejected_rating) AS preferences,
    {id: id, source: source} AS metadata,
    bad_order(chosen_rating, rejected_rating) AS error
FROM source
