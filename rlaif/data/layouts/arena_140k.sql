-- Arena human preferences (140k): two conversations of one evaluation, and one vote. Images are dropped with their rows.
-- card: lmarena-ai/arena-human-preference-140k (CC-BY-4.0 prompts)
-- columns: model_a, model_b, winner, conversation_a, conversation_b, evaluation_order|evaluation_session_id
-- optional: id, language, is_code, category_tag
-- types: conversation_a list, conversation_b list
-- labels: winner is model_a, model_b, tie, or both_bad, which is a tie.
SELECT
    conversation_a AS prompt,
    [conversation_a, conversation_b] AS responses,
    [as_text(model_a), as_text(model_b)] AS generators,
    vote(as_code(winner), ['model_a'], ['model_b'], ['tie', 'both_bad'], 'human') AS preferences,
    {id: id, language: language, is_code: is_code, category_tag: category_tag, both_bad: as_text(winner) = 'both_bad'} AS metadata,
    unknown(as_code(winner), ['model_a', 'model_b', 'tie', 'both_bad'], 'winner') AS error
FROM source
