-- The prompts that contain $text (in lower case), in any case, in a message, the document, or a response. $pattern finds them and
-- possibly more; ILIKE is faster than lower().
SELECT key FROM prompts
WHERE (messages ILIKE $pattern AND contains(lower(messages), $text)) OR (document ILIKE $pattern AND contains(lower(document), $text))
UNION
SELECT prompt FROM responses WHERE text ILIKE $pattern AND contains(lower(text), $text)
