-- Prometheus Feedback-Collection: one response with a reference answer and a score by a rubric.
-- card: prometheus-eval/Feedback-Collection (CC-BY-4.0)
-- columns: orig_instruction, orig_response, orig_reference_answer, orig_criteria, orig_score
-- optional: orig_feedback, orig_score1_description, orig_score5_description
-- labels: orig_score is from 1 (worst) to 5 (best), as text. Every row has its own criterion, kept as metadata.
SELECT
    orig_instruction AS prompt,
    orig_reference_answer AS reference,
    [orig_response] AS responses,
    [score(1, 'gpt-4', 'rubric', orig_score, 1, 5)] AS scores,
    {criteria: orig_criteria, feedback: orig_feedback} AS metadata
FROM source
