-- JudgeBench: two responses, one of which is objectively correct.
-- card: ScalerLab/JudgeBench (MIT)
-- columns: question, response_A, response_B, label
-- optional: pair_id, original_id, source, response_model
-- labels: "A>B" means that response_A is correct, "B>A" that response_B is.
SELECT
    question AS prompt,
    [response_A, response_B] AS responses,
    [as_text(response_model), as_text(response_model)] AS generators,
    vote(as_code(label), ['A>B'], ['B>A'], []::VARCHAR[], 'judgebench') AS preferences,
    {pair_id: pair_id, source: source} AS metadata,
    unknown(as_code(label), ['A>B', 'B>A'], 'label') AS error
FROM source
