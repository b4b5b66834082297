-- Prompts whose text contains $text (given in lower case): at most five, in order of collection.
SELECT key, messages FROM prompts WHERE contains(lower(messages), $text) ORDER BY position LIMIT 5
