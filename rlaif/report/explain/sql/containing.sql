-- The prompts whose text contains $text (in lower case): at most five, in the order of arrival.
SELECT key, messages FROM prompts WHERE contains(lower(messages), $text) ORDER BY position LIMIT 5
