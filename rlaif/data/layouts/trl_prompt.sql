-- TRL's prompt-only type.
-- card: TRL, "prompt-only" (Apache-2.0)
-- columns: prompt
-- optional: tools
-- labels: none.
SELECT prompt, tools FROM source
