-- JudgeBench outputs: two responses, one of which is objectively correct, and the recorded decisions of a judge.
-- card: ScalerLab/JudgeBench, outputs (MIT)
-- columns: question, response_A, response_B, label, judgments
-- optional: pair_id, original_id, source, response_model, judge_name
-- types: judgments list
-- labels: "A>B" means that response_A is correct, "B>A" that response_B is. The judge is `recorded`. Its first decision is about the responses
--   in this order, the second about the other order, where "A>B" means that response_B is better. Some judges have one decision.
SELECT
    question AS prompt,
    [response_A, response_B] AS responses,
    [as_text(response_model), as_text(response_model)] AS generators,
    list_concat(
        vote(as_code(label), ['A>B'], ['B>A'], []::VARCHAR[], 'judgebench'),
        [comparison(1, 2, 'recorded', verdict(as_code(judgments -> '$[0].decision'), ['A>B'], ['B>A'], ['A=B']))],
        if(json_array_length(judgments) < 2, [],
            [comparison(2, 1, 'recorded', verdict(as_code(judgments -> '$[1].decision'), ['A>B'], ['B>A'], ['A=B']))])
    ) AS preferences,
    {
        pair_id: pair_id, source: source, judge: judge_name,
        subset: CASE
            WHEN starts_with(as_text(source), 'mmlu-pro') THEN 'knowledge'
            WHEN starts_with(as_text(source), 'livebench-') THEN substr(as_text(source), 11)
            WHEN as_text(source) = 'livecodebench' THEN 'coding'
        END
    } AS metadata,
    unknown(as_code(label), ['A>B', 'B>A'], 'label') AS error
FROM source
