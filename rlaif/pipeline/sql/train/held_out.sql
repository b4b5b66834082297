-- The messages of held-out prompts (bucket below $held_out): as generators saw them, and also as they were collected if they
-- have no document (the same request may be asked about several documents).
SELECT messages FROM current_prompts WHERE bucket < $held_out AND document IS NULL
UNION
SELECT rendered_prompts.messages FROM rendered_prompts JOIN current_prompts AS prompts ON prompts.key = rendered_prompts.prompt
WHERE prompts.bucket < $held_out
