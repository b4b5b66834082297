-- LMSYS-Chat-1M: conversations of people with many chat models.
-- card: lmsys/lmsys-chat-1m (LMSYS-Chat-1M license)
-- columns: conversation_id, model, conversation
-- optional: language, turn, redacted
-- types: conversation list
-- labels: none. The prompt ends with the last user turn, and the model's last turn is its response.
SELECT
    conversation AS prompt,
    [conversation] AS responses,
    [as_text(model)] AS generators,
    {conversation_id: conversation_id, language: language, turn: turn, redacted: redacted} AS metadata
FROM source
