-- TRL's prompt-completion type.
-- card: TRL, "prompt-completion" (Apache-2.0)
-- columns: prompt, completion
-- optional: tools
-- absent: label
-- labels: none.
SELECT prompt, [completion] AS responses, tools FROM source
