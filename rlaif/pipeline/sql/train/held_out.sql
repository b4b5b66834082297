-- What held-out prompts (bucket below $held_out) say: as generators were shown them, and as they came where that is all of
-- it, for a request about a document may be the same as another's.
SELECT messages FROM current_prompts WHERE bucket < $held_out AND document IS NULL
UNION
SELECT rendered_prompts.messages FROM rendered_prompts JOIN current_prompts AS prompts ON prompts.key = rendered_prompts.prompt
WHERE prompts.bucket < $held_out
