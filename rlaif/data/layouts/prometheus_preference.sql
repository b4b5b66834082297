-- Prometheus Preference-Collection: two responses with a reference answer, scores and a preference by a rubric.
-- card: prometheus-eval/Preference-Collection (CC-BY-4.0)
-- columns: orig_instruction, orig_response_A, orig_response_B, orig_preference
-- optional: orig_reference_answer, orig_criteria, orig_score_A, orig_score_B, orig_feedback
-- labels: orig_preference is A or B. The scores are from 1 (worst) to 5 (best), as text.
SELECT
    orig_instruction AS prompt,
    orig_reference_answer AS reference,
    [orig_response_A, orig_response_B] AS responses,
    [score(1, 'gpt-4', 'rubric', orig_score_A, 1, 5), score(2, 'gpt-4', 'rubric', orig_score_B, 1, 5)] AS scores,
    vote(as_code(orig_preference), ['A'], ['B'], []::VARCHAR[], 'prometheus') AS preferences,
    {criteria: orig_criteria, feedback: orig_feedback} AS metadata,
    coalesce(unknown(as_code(orig_preference), ['A', 'B'], 'orig_preference'), CASE
        WHEN (as_code(orig_preference) = 'A' AND as_number(orig_score_A) < as_number(orig_score_B))
            OR (as_code(orig_preference) = 'B' AND as_number(orig_score_A) > as_number(orig_score_B))
        THEN 'a preference that contradicts the scores'
    END) AS error
FROM source
