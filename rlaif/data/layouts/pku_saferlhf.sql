-- PKU-SafeRLHF: two responses, which one is more helpful, and which one is safer.
-- card: PKU-Alignment/PKU-SafeRLHF (CC-BY-NC-4.0)
-- columns: prompt, response_0, response_1, better_response_id, safer_response_id
-- optional: prompt_source, response_0_source, response_1_source, is_response_0_safe, is_response_1_safe, response_0_severity_level, response_1_severity_level
-- labels: 0 means that response_0 is better, 1 that response_1 is. The two judges human:helpful and human:safe often disagree.
SELECT
    prompt,
    [response_0, response_1] AS responses,
    [as_text(response_0_source), as_text(response_1_source)] AS generators,
    list_concat(
        vote(as_code(better_response_id), ['0'], ['1'], []::VARCHAR[], 'human:helpful'),
        vote(as_code(safer_response_id), ['0'], ['1'], []::VARCHAR[], 'human:safe')
    ) AS preferences,
    {
        prompt_source: prompt_source, is_response_0_safe: is_response_0_safe, is_response_1_safe: is_response_1_safe,
        response_0_severity_level: response_0_severity_level, response_1_severity_level: response_1_severity_level
    } AS metadata,
    coalesce(
        unknown(as_code(better_response_id), ['0', '1'], 'better_response_id'),
        unknown(as_code(safer_response_id), ['0', '1'], 'safer_response_id')
    ) AS error
FROM source
