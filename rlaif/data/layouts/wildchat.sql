-- WildChat: conversations of people with a chat model.
-- card: allenai/WildChat-1M (ODC-BY)
-- columns: conversation_hash, model, conversation
-- optional: language, turn, toxic, redacted, country
-- types: conversation list
-- labels: none. The prompt ends with the last user turn, and the model's last turn is its response.
SELECT
    conversation AS prompt,
    [conversation] AS responses,
    [as_text(model)] AS generators,
    {conversation_hash: conversation_hash, language: language, turn: turn, toxic: toxic, redacted: redacted} AS metadata
FROM source
