-- Chatbot Arena conversations (33k): two conversations with the same user turns, and one vote.
-- card: lmsys/chatbot_arena_conversations (CC-BY-4.0 prompts, CC-BY-NC-4.0 outputs)
-- columns: model_a, model_b, winner, conversation_a, conversation_b, question_id
-- optional: judge, turn, language
-- types: conversation_a list, conversation_b list
-- labels: winner is model_a, model_b, tie, or tie (bothbad), which is a tie. Rows with several turns differ before the last one, so
--   they are dropped and counted.
SELECT
    conversation_a AS prompt,
    [conversation_a, conversation_b] AS responses,
    [as_text(model_a), as_text(model_b)] AS generators,
    vote(as_code(winner), ['model_a'], ['model_b'], ['tie', 'tie (bothbad)'], 'human') AS preferences,
    {question_id: question_id, judge: judge, language: language, both_bad: as_text(winner) = 'tie (bothbad)'} AS metadata,
    unknown(as_code(winner), ['model_a', 'model_b', 'tie', 'tie (bothbad)'], 'winner') AS error
FROM source
