-- One prompt as it was sent to each generator.
SELECT coalesce(names.name, rendered_prompts.generator) AS generator, rendered_prompts.messages
FROM rendered_prompts
LEFT JOIN (SELECT key, min(name) AS name FROM generators GROUP BY key) AS names ON names.key = rendered_prompts.generator
WHERE rendered_prompts.prompt = $prompt
ORDER BY generator
