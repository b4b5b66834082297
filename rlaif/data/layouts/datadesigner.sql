-- NeMo Data Designer: two responses and a judge column that names the better one.
-- card: NVIDIA-NeMo/Nemotron, steps/sdg/data_designer/config/rl_pref.yaml (Apache-2.0)
-- columns: prompt, response_a, response_b, judge
-- optional: system_prompt
-- labels: judge.winner is A (response_a) or B (response_b); ties do not occur. The judge may be an object or one written as text.
SELECT
    CASE WHEN coalesce(trim(as_text(system_prompt)), '') = '' THEN prompt
        ELSE to_json([turn('system', system_prompt), turn('user', prompt)]) END AS prompt,
    [response_a, response_b] AS responses,
    vote(as_code(as_object(judge) -> '$.winner'), ['A'], ['B'], []::VARCHAR[], 'data-designer') AS preferences,
    unknown(as_code(as_object(judge) -> '$.winner'), ['A', 'B'], 'judge.winner') AS error
FROM source
