-- The row numbers of the prompts that contain $text (in lower case), in any case, in a message, the document, or a response.
-- $pattern finds them and possibly more; ILIKE is faster than lower().
SELECT rowid FROM prompts
WHERE (messages ILIKE $pattern AND contains(lower(messages), $text)) OR (document ILIKE $pattern AND contains(lower(document), $text))
UNION ALL
SELECT prompts.rowid FROM prompts SEMI JOIN (
    SELECT prompt FROM responses WHERE text ILIKE $pattern AND contains(lower(text), $text)
) AS found ON found.prompt = prompts.key
