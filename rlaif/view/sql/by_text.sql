-- The prompts that contain $text (in lower case) in a message, the document, or a response.
SELECT key FROM prompts WHERE contains(lower(messages), $text) OR contains(lower(document), $text)
UNION
SELECT prompt FROM responses WHERE contains(lower(text), $text)
